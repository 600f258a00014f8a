import type { Insertable, Selectable } from 'kysely'
import { bitByBit } from '../../database/bit-by-bit.ts'
import type { ChallengesTable, Database } from '../../database/schema.ts'

export type Challenge = Readonly<Selectable<ChallengesTable>>

/** What a code is bound to, beside its asker. */
export type Channel = Challenge['channel']
export type Purpose = Challenge['purpose']

/**
 * Puts a challenge in place of the one before of the same binding. Undefined while that one is younger than the
 * cooldown: asked and taken in one statement, so that of racing requests one sends.
 */
export const replace = (
  db: Database,
  challenge: Insertable<ChallengesTable>,
  cooldownSince: Date,
): Promise<{ id: string } | undefined> =>
  db
    .insertInto('challenges')
    .values(challenge)
    .onConflict((conflict) =>
      conflict
        .columns(['asker', 'channel', 'address', 'purpose'])
        .doUpdateSet(({ ref }) => ({
          id: ref('excluded.id'),
          userId: ref('excluded.userId'),
          codeHash: ref('excluded.codeHash'),
          tries: 0,
          createdAt: ref('excluded.createdAt'),
          expiresAt: ref('excluded.expiresAt'),
          consumedAt: null,
        }))
        .where('challenges.createdAt', '<=', cooldownSince),
    )
    .returning('id')
    .executeTakeFirst()

/** When the latest code of this binding was sent. */
export async function sentAt(
  db: Database,
  binding: Pick<Challenge, 'asker' | 'channel' | 'address' | 'purpose'>,
): Promise<Date | undefined> {
  const row = await db
    .selectFrom('challenges')
    .select('createdAt')
    .where('asker', '=', binding.asker)
    .where('channel', '=', binding.channel)
    .where('address', '=', binding.address)
    .where('purpose', '=', binding.purpose)
    .executeTakeFirst()
  return row?.createdAt
}

/** Spends one try of every open challenge of the asker for these purposes and gives back those that had one left. */
export const takeTries = (
  db: Database,
  { asker, purposes }: { asker: string; purposes: readonly Purpose[] },
  now: Date,
  maxTries: number,
): Promise<Challenge[]> =>
  db
    .updateTable('challenges')
    .set((set) => ({ tries: set('tries', '+', 1) }))
    .where('asker', '=', asker)
    .where('purpose', 'in', purposes)
    .where('consumedAt', 'is', null)
    .where('expiresAt', '>', now)
    .where('tries', '<', maxTries)
    .returningAll()
    .execute()

/** Spends one try of an open challenge; undefined when it is none or has none left. */
export const takeTry = (
  db: Database,
  { id, purpose }: Pick<Challenge, 'id' | 'purpose'>,
  now: Date,
  maxTries: number,
): Promise<Challenge | undefined> =>
  db
    .updateTable('challenges')
    .set((set) => ({ tries: set('tries', '+', 1) }))
    .where('id', '=', id)
    .where('purpose', '=', purpose)
    .where('consumedAt', 'is', null)
    .where('expiresAt', '>', now)
    .where('tries', '<', maxTries)
    .returningAll()
    .executeTakeFirst()

/** Whose a challenge is; null or undefined when it is nobody's. Says nothing of what it is still good for. */
export async function ownerOf(db: Database, id: string): Promise<number | null | undefined> {
  const challenge = await db.selectFrom('challenges').select('userId').where('id', '=', id).executeTakeFirst()
  return challenge?.userId
}

/** Uses a challenge up. False for all but one (invariant I4). */
export async function consume(db: Database, id: string, now: Date): Promise<boolean> {
  const consumed = await db
    .updateTable('challenges')
    .set({ consumedAt: now })
    .where('id', '=', id)
    .where('consumedAt', 'is', null)
    .returning('id')
    .executeTakeFirst()
  return consumed !== undefined
}

/** Gives a try back to challenges that were right to be left alone. */
export async function returnTry(db: Database, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  await db
    .updateTable('challenges')
    .set((set) => ({ tries: set('tries', '-', 1) }))
    .where('id', 'in', ids)
    .execute()
}

export async function hasOpen(db: Database, asker: string, now: Date): Promise<boolean> {
  const open = await db
    .selectFrom('challenges')
    .select('id')
    .where('asker', '=', asker)
    .where('consumedAt', 'is', null)
    .where('expiresAt', '>', now)
    .executeTakeFirst()
  return open !== undefined
}

/** Drops the channel's codes to any address but these. */
export async function removeForChannel(
  db: Database,
  userId: number,
  channel: Channel,
  exceptAddresses: readonly string[],
): Promise<void> {
  let query = db.deleteFrom('challenges').where('userId', '=', userId).where('channel', '=', channel)
  if (exceptAddresses.length > 0) query = query.where('address', 'not in', exceptAddresses)
  await query.execute()
}

/** Codes long over; kept a while past their end, so that the cooldown still sees them. */
export const removeExpired = (db: Database, before: Date): Promise<void> =>
  bitByBit((limit) => {
    const some = db.selectFrom('challenges').select('id').where('expiresAt', '<', before).limit(limit)
    return db.deleteFrom('challenges').where('id', 'in', some).where('expiresAt', '<', before).executeTakeFirst()
  })

/** Uses up the user's open codes for these purposes. Their rows stay, so that the cooldown still sees them. */
export async function voidOf(db: Database, userId: number, purposes: readonly Purpose[], now: Date): Promise<void> {
  await db
    .updateTable('challenges')
    .set({ consumedAt: now })
    .where('userId', '=', userId)
    .where('purpose', 'in', purposes)
    .where('consumedAt', 'is', null)
    .execute()
}

/** Uses up every open code, whoever's; tells how many. Their rows stay, so that the cooldown still sees them. */
export async function voidAll(db: Database, now: Date): Promise<number> {
  const voided = await db
    .updateTable('challenges')
    .set({ consumedAt: now })
    .where('consumedAt', 'is', null)
    .where('expiresAt', '>', now)
    .returning('id')
    .execute()
  return voided.length
}
