import type { Insertable, Selectable } from 'kysely'
import { bitByBit } from '../../database/bit-by-bit.ts'
import type { Database, PendingSignInsTable } from '../../database/schema.ts'

export type PendingSignIn = Readonly<Selectable<PendingSignInsTable>>

export const insert = (db: Database, pending: Insertable<PendingSignInsTable>): Promise<PendingSignIn> =>
  db.insertInto('pendingSignIns').values(pending).returningAll().executeTakeFirstOrThrow()

/** One that still waits. */
export const findWaiting = (db: Database, id: string, now: Date): Promise<PendingSignIn | undefined> =>
  db
    .selectFrom('pendingSignIns')
    .selectAll()
    .where('id', '=', id)
    .where('endedAt', 'is', null)
    .where('expiresAt', '>', now)
    .executeTakeFirst()

/** Uses one up. Undefined for all but one of those who try. */
export const end = (db: Database, id: string, now: Date): Promise<PendingSignIn | undefined> =>
  db
    .updateTable('pendingSignIns')
    .set({ endedAt: now })
    .where('id', '=', id)
    .where('endedAt', 'is', null)
    .where('expiresAt', '>', now)
    .returningAll()
    .executeTakeFirst()

/** Ends those of the user, or everyone's; tells how many still waited. */
export async function endAll(db: Database, userId: number | undefined, now: Date): Promise<number> {
  let query = db.updateTable('pendingSignIns').set({ endedAt: now }).where('endedAt', 'is', null)
  if (userId !== undefined) query = query.where('userId', '=', userId)
  const ended = await query.where('expiresAt', '>', now).returning('id').execute()
  return ended.length
}

/** Ends the oldest, so that no more than `keep` wait. */
export async function endOldest(db: Database, userId: number, keep: number, now: Date): Promise<void> {
  const kept = db
    .selectFrom('pendingSignIns')
    .select('id')
    .where('userId', '=', userId)
    .where('endedAt', 'is', null)
    .where('expiresAt', '>', now)
    .orderBy('id', 'desc')
    .limit(keep)
  await db
    .updateTable('pendingSignIns')
    .set({ endedAt: now })
    .where('userId', '=', userId)
    .where('endedAt', 'is', null)
    .where('id', 'not in', kept)
    .execute()
}

export const removeExpired = (db: Database, now: Date): Promise<void> =>
  bitByBit((limit) => {
    const some = db.selectFrom('pendingSignIns').select('id').where('expiresAt', '<', now).limit(limit)
    return db.deleteFrom('pendingSignIns').where('id', 'in', some).executeTakeFirst()
  })
