import type { Selectable } from 'kysely'
import { bitByBit } from '../../database/bit-by-bit.ts'
import { type Database, NOBODY, type PasswordTokensTable } from '../../database/schema.ts'
import type { EmailKey } from '../../kernel/address.ts'
import { inFours, parseBase32, randomBase32 } from '../../kernel/base32.ts'
import type { Random } from '../../kernel/random.ts'
import { uuidv7 } from '../../kernel/random.ts'
import { keyedHash, type Secret } from '../../kernel/secret.ts'

/** One that somebody has. */
export type PasswordToken = Readonly<Selectable<PasswordTokensTable>> & { readonly userId: number }

export interface TokenDeps {
  readonly secret: Secret
  readonly random: Random
}

// 60 bits: typed from a mail by a person, and out of reach of anyone who guesses within the half hour it lives.
const CODE_SYMBOLS = 12
const LINK_BYTES = 16

/** What stands for an address in our tables: nobody can read it out of them. */
export const subjectOf = (secret: Secret, emailKey: EmailKey | string): string =>
  Buffer.from(keyedHash(secret.key('password-token'), 'address', emailKey)).toString('hex')

const hashOfCode = (secret: Secret, userId: number, code: string): Uint8Array =>
  keyedHash(secret.key('password-token'), 'code', String(userId), code)

const hashOfLink = (secret: Secret, link: string): Uint8Array => keyedHash(secret.key('password-token'), 'link', link)

/** Whose it is, what for, and until when it is good. */
export type Grant = Pick<PasswordTokensTable, 'purpose' | 'subject'> & {
  /** Null: nobody's, written so that both cases cost the same. */
  readonly userId: number | null
  readonly expiresAt: Date
}

/** Makes a code and a link of which the first one used uses both up. Earlier ones stay good: a stranger can ask for more. */
export async function makeToken(
  db: Database,
  { secret, random }: TokenDeps,
  grant: Grant,
  now: Date,
): Promise<{ readonly code: string; readonly link: string }> {
  const code = randomBase32(random, CODE_SYMBOLS)
  const link = Buffer.from(random.bytes(LINK_BYTES)).toString('base64url')
  const codeHash = hashOfCode(secret, grant.userId ?? NOBODY, code)
  const row = { ...grant, id: uuidv7(random, now), codeHash, linkHash: hashOfLink(secret, link), createdAt: now }
  await db.insertInto('passwordTokens').values(row).execute()
  return { code: inFours(code), link }
}

/** What someone shows for a new password. */
export type Proof = { readonly userId: number | undefined; readonly code: string } | { readonly link: string }

/** The open token a proof is right for. Changes nothing: a wrong one costs nobody anything, least of all its owner. */
export async function findOpen(
  db: Database,
  secret: Secret,
  proof: Proof,
  now: Date,
): Promise<PasswordToken | undefined> {
  const open = db.selectFrom('passwordTokens').selectAll().where('consumedAt', 'is', null).where('expiresAt', '>', now)
  if ('link' in proof) {
    return ofSomebody(await open.where('linkHash', '=', hashOfLink(secret, proof.link)).executeTakeFirst())
  }
  const { userId = NOBODY, code } = proof
  const codeHash = hashOfCode(secret, userId, parseBase32(code, CODE_SYMBOLS) ?? '')
  return ofSomebody(await open.where('userId', '=', userId).where('codeHash', '=', codeHash).executeTakeFirst())
}

const ofSomebody = (row: Selectable<PasswordTokensTable> | undefined): PasswordToken | undefined =>
  row?.userId === null || row === undefined ? undefined : { ...row, userId: row.userId }

/** Uses one up. False for all but one (invariant I4). */
export async function consume(db: Database, id: string, now: Date): Promise<boolean> {
  const consumed = await db
    .updateTable('passwordTokens')
    .set({ consumedAt: now })
    .where('id', '=', id)
    .where('consumedAt', 'is', null)
    .where('expiresAt', '>', now)
    .returning('id')
    .executeTakeFirst()
  return consumed !== undefined
}

/** Makes every open one of the user void. */
export async function voidTokens(db: Database, userId: number, now: Date): Promise<void> {
  await db
    .updateTable('passwordTokens')
    .set({ consumedAt: now })
    .where('userId', '=', userId)
    .where('consumedAt', 'is', null)
    .execute()
}

/** Whether a mail went to this address after that moment. `takeTurn` decides again, for good. */
export async function wasMailedSince(db: Database, subject: string, moment: Date): Promise<boolean> {
  const last = await db.selectFrom('passwordMails').select('sentAt').where('subject', '=', subject).executeTakeFirst()
  return last !== undefined && last.sentAt > moment
}

/** Takes the turn to mail this address, known or not: false for all but one until the pause is over. */
export async function takeTurn(db: Database, subject: string, pauseSince: Date, now: Date): Promise<boolean> {
  const taken = await db
    .insertInto('passwordMails')
    .values({ subject, sentAt: now })
    .onConflict((conflict) =>
      conflict.column('subject').doUpdateSet({ sentAt: now }).where('passwordMails.sentAt', '<=', pauseSince),
    )
    .returning('subject')
    .executeTakeFirst()
  return taken !== undefined
}

/** Rows that no code, link or pause needs any more. `before` lies further back than any pause lasts. */
export async function removeOldTokens(db: Database, before: Date): Promise<void> {
  await bitByBit((limit) => {
    const some = db.selectFrom('passwordTokens').select('id').where('expiresAt', '<', before).limit(limit)
    return db.deleteFrom('passwordTokens').where('id', 'in', some).executeTakeFirst()
  })
  await bitByBit((limit) => {
    const some = db.selectFrom('passwordMails').select('subject').where('sentAt', '<', before).limit(limit)
    return db.deleteFrom('passwordMails').where('subject', 'in', some).where('sentAt', '<', before).executeTakeFirst()
  })
}

/** Drops every one there is: once the secret has changed, none can be right. Tells how many there were. */
export async function removeAllTokens(db: Database): Promise<number> {
  return (await db.deleteFrom('passwordTokens').returning('id').execute()).length
}
