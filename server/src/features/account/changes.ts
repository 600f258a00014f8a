import { createHash } from 'node:crypto'
import type { Database } from '../../database/schema.ts'
import type { Act } from '../../kernel/act.ts'
import { after, hours, milliseconds } from '../../kernel/duration.ts'
import type { Language } from '../../kernel/language.ts'
import { uuidv7 } from '../../kernel/random.ts'
import { keyedHash, type Secret } from '../../kernel/secret.ts'
import { type Audit, maskedAddress } from '../audit/service.ts'
import { notify } from '../messages/service.ts'
import type { Channel, CodeDeps } from '../otp/service.ts'
import type { User } from '../users/service.ts'
import * as store from './changes-store.ts'

export interface ChangeDeps {
  readonly codes: CodeDeps
  readonly audit: Audit
  readonly defaultLanguage: Language
  /** What links in messages begin with. */
  readonly ownUrl: () => string
}

// Two days off-line, and a stolen account can still be had back.
const UNDO_FOR = hours(48)

// 128 bits: nobody finds one by trying.
const TOKEN_BYTES = 16

/**
 * The undo of a change, for its link. It follows from the id and a key outside the database, so that both mails of one change,
 * when it is asked for and when it is made, can carry it though only its hash is kept.
 */
const tokenOf = (secret: Secret, id: string): string =>
  Buffer.from(keyedHash(secret.key('address-change'), id).subarray(0, TOKEN_BYTES)).toString('base64url')

/** What is kept of a token. 128 bits of chance need no key. */
export const hashOfToken = (token: string): Uint8Array => new Uint8Array(createHash('sha256').update(token).digest())

const undoOf = ({ codes, ownUrl }: ChangeDeps, { id }: { readonly id: string }, until: Date) => ({
  link: `${ownUrl()}/account/undo/#${tokenOf(codes.secret, id)}`,
  until,
})

const notifier = ({ codes, defaultLanguage }: ChangeDeps) => ({ messages: codes.messages, defaultLanguage })

/** A change asked for in place of a verified address: on record, told to the verified e-mail, and to be cancelled from there. */
export async function requestChange(
  db: Database,
  deps: ChangeDeps,
  { user, channel, to }: { readonly user: User; readonly channel: Channel; readonly to: string },
  act: Act,
  now: Date,
): Promise<void> {
  const kind = `${channel}_change_requested` as const
  const facts = { address: maskedAddress(to) }
  await deps.audit.record(db, act, { type: kind, userId: user.id, details: facts }, now)
  if (user.emailVerifiedAt === null) return
  // While it waits it can be cancelled however late; the mail promises what is certain, even if the code comes at once.
  const undoUntil = after(now, UNDO_FOR)
  const change =
    // Asked for once more, with another address: the link of the first mail still cancels it.
    (await store.updateWaiting(db, user.id, channel, { newAddress: to, undoUntil })) ??
    (await insertChange(db, deps, { user, channel, old: oldOf(user, channel), to, undoUntil, completedAt: null }, now))
  await notify(db, notifier(deps), user, { kind, facts, undo: undoOf(deps, change, undoUntil) }, now)
}

/** What has become of an address, under the name that the audit and the notice give it. */
export type Completion = 'email_changed' | 'phone_changed' | 'phone_verified' | 'phone_removed'

/**
 * A change that is made now: on record, and where a verified address lost its place or a number was proven for the first time,
 * told to the verified e-mail there was before, and to be undone from there for 48 hours. `user` is as it was before.
 */
export async function completeChange(
  db: Database,
  deps: ChangeDeps,
  { user, kind, to }: { readonly user: User; readonly kind: Completion; readonly to: string | null },
  act: Act,
  now: Date,
): Promise<void> {
  const channel = kind === 'email_changed' ? 'email' : 'phone'
  const address = maskedAddress(to ?? user.phone ?? '')
  await deps.audit.record(db, act, { type: kind, userId: user.id, details: { address } }, now)
  if (!canBeUndone(user, kind)) return
  const undoUntil = after(now, UNDO_FOR)
  const old = kind === 'phone_verified' ? NONE : oldOf(user, channel)
  const waiting = await store.updateWaiting(db, user.id, channel, { newAddress: to, completedAt: now, undoUntil })
  const change = waiting ?? (await insertChange(db, deps, { user, channel, old, to, undoUntil, completedAt: now }, now))
  // The same hash as before, unless the secret was changed since the first mail.
  await store.replaceLink(db, change.id, hashOfToken(tokenOf(deps.codes.secret, change.id)))
  await notify(db, notifier(deps), user, { kind, facts: { address }, undo: undoOf(deps, change, undoUntil) }, now)
}

/** Only a verified e-mail is the owner's for certain; whoever reads it is told, and nobody else. */
function canBeUndone(user: User, kind: Completion): boolean {
  if (user.emailVerifiedAt === null) return false
  return kind === 'email_changed' || kind === 'phone_verified' || user.phoneVerifiedAt !== null
}

/** The owner took a change back that waited for its code. */
export async function withdrawChange(
  db: Database,
  { audit }: ChangeDeps,
  { user, channel }: { readonly user: User; readonly channel: Channel },
  act: Act,
  now: Date,
): Promise<void> {
  await store.updateWaiting(db, user.id, channel, { endedAt: now })
  await audit.record(db, act, { type: 'address_change_cancelled', userId: user.id, details: { channel } }, now)
}

type Old = Pick<store.AddressChange, 'oldAddress' | 'oldVerifiedAt' | 'reservedKey' | 'reservedMailboxKey'>

/** A number proven for the first time takes nothing's place: undone, it goes. */
const NONE: Old = { oldAddress: null, oldVerifiedAt: null, reservedKey: null, reservedMailboxKey: null }

/** What the change takes the place of, and what nobody else may have until it is too late to undo it. */
const oldOf = (user: User, channel: Channel): Old =>
  channel === 'email'
    ? {
        oldAddress: user.email,
        oldVerifiedAt: user.emailVerifiedAt,
        reservedKey: user.emailKey,
        reservedMailboxKey: user.mailboxKey,
      }
    : { oldAddress: user.phone, oldVerifiedAt: user.phoneVerifiedAt, reservedKey: user.phone, reservedMailboxKey: null }

interface NewChange {
  readonly user: User
  readonly channel: Channel
  readonly old: Old
  readonly to: string | null
  readonly undoUntil: Date
  readonly completedAt: Date | null
}

async function insertChange(
  db: Database,
  { codes: { secret, random } }: ChangeDeps,
  { user, channel, old, to: newAddress, undoUntil, completedAt }: NewChange,
  now: Date,
): Promise<{ readonly id: string }> {
  const id = uuidv7(random, now)
  const linkHash = hashOfToken(tokenOf(secret, id))
  const latest = await store.latestBeginning(db, user.id)
  // Which of two changes is the older decides what an undo restores, so it must not depend on the clocks of two servers.
  const createdAt = latest && latest >= now ? after(latest, milliseconds(1)) : now
  const change = { id, userId: user.id, channel, ...old, newAddress, linkHash, createdAt, completedAt, undoUntil }
  await store.insert(db, change)
  return { id }
}
