import type { Insertable } from 'kysely'
import type { Database, RecoveryCodesTable } from '../../database/schema.ts'

export async function insert(db: Database, codes: readonly Insertable<RecoveryCodesTable>[]): Promise<void> {
  await db.insertInto('recoveryCodes').values(codes).execute()
}

/** Uses a code up. False for all but one of those who try, and for what is no code of the user's (invariant I4). */
export async function take(db: Database, userId: number, codeHash: Uint8Array, now: Date): Promise<boolean> {
  const taken = await db
    .updateTable('recoveryCodes')
    .set({ usedAt: now })
    .where('userId', '=', userId)
    .where('codeHash', '=', codeHash)
    .where('usedAt', 'is', null)
    .returning('id')
    .executeTakeFirst()
  return taken !== undefined
}

export async function countLeft(db: Database, userId: number): Promise<number> {
  const { count } = await db
    .selectFrom('recoveryCodes')
    .select((select) => select.fn.countAll<number>().as('count'))
    .where('userId', '=', userId)
    .where('usedAt', 'is', null)
    .executeTakeFirstOrThrow()
  return Number(count)
}

/** Drops the user's codes, used or not; where `since` is given only those made at it or later. Tells how many were good. */
export async function remove(db: Database, userId: number, since?: Date): Promise<number> {
  let query = db.deleteFrom('recoveryCodes').where('userId', '=', userId)
  if (since) query = query.where('createdAt', '>=', since)
  const removed = await query.returning('usedAt').execute()
  return removed.filter(({ usedAt }) => usedAt === null).length
}
