import type { Insertable, Selectable } from 'kysely'
import type { Database, TotpsTable } from '../../database/schema.ts'

export type Totp = Readonly<Selectable<TotpsTable>>

/** Puts an app that waits to be confirmed in place of the one that waited before. */
export const replaceWaiting = (db: Database, totp: Insertable<TotpsTable>): Promise<unknown> =>
  db
    .insertInto('totps')
    .values(totp)
    .onConflict((conflict) =>
      conflict
        .column('userId')
        .where('confirmedAt', 'is', null)
        .doUpdateSet(({ ref }) => ({
          id: ref('excluded.id'),
          sealedSecret: ref('excluded.sealedSecret'),
          createdAt: ref('excluded.createdAt'),
        })),
    )
    .execute()

export const findWaiting = (db: Database, userId: number): Promise<Totp | undefined> =>
  db.selectFrom('totps').selectAll().where('userId', '=', userId).where('confirmedAt', 'is', null).executeTakeFirst()

export const findConfirmed = (db: Database, userId: number): Promise<Totp | undefined> =>
  db
    .selectFrom('totps')
    .selectAll()
    .where('userId', '=', userId)
    .where('confirmedAt', 'is not', null)
    .executeTakeFirst()

/** Takes the code of a step. False for all but one of those who try, and for a step before one that was taken. */
export async function takeStep(db: Database, id: string, step: number): Promise<boolean> {
  const taken = await db
    .updateTable('totps')
    .set({ lastStep: step })
    .where('id', '=', id)
    .where((where) => where.or([where('lastStep', 'is', null), where('lastStep', '<', step)]))
    .returning('id')
    .executeTakeFirst()
  return taken !== undefined
}

/** Makes the app that waits the confirmed one. False when it does not wait any more. */
export async function confirm(db: Database, id: string, step: number, now: Date): Promise<boolean> {
  const confirmed = await db
    .updateTable('totps')
    .set({ confirmedAt: now, lastStep: step })
    .where('id', '=', id)
    .where('confirmedAt', 'is', null)
    .returning('id')
    .executeTakeFirst()
  return confirmed !== undefined
}

export async function removeConfirmed(db: Database, userId: number): Promise<void> {
  await db.deleteFrom('totps').where('userId', '=', userId).where('confirmedAt', 'is not', null).execute()
}

/**
 * Drops the user's apps; where `since` is given only those begun or confirmed at it or later. Tells whether a confirmed one
 * was among them.
 */
export async function remove(db: Database, userId: number, since?: Date): Promise<boolean> {
  let query = db.deleteFrom('totps').where('userId', '=', userId)
  if (since)
    query = query.where((where) => where.or([where('createdAt', '>=', since), where('confirmedAt', '>=', since)]))
  const removed = await query.returning('confirmedAt').execute()
  return removed.some(({ confirmedAt }) => confirmedAt !== null)
}

export const findAll = (db: Database): Promise<Totp[]> => db.selectFrom('totps').selectAll().orderBy('id').execute()

export async function replaceSealed(db: Database, id: string, sealedSecret: Uint8Array): Promise<void> {
  await db.updateTable('totps').set({ sealedSecret }).where('id', '=', id).execute()
}

export async function removeOne(db: Database, id: string): Promise<void> {
  await db.deleteFrom('totps').where('id', '=', id).execute()
}
