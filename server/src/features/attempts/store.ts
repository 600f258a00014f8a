import type { ExpressionBuilder, Selectable } from 'kysely'
import { bitByBit } from '../../database/bit-by-bit.ts'
import { prepared } from '../../database/prepared.ts'
import type { Database, Schema } from '../../database/schema.ts'
import type { DevicesTable, SignInFailuresTable } from '../../database/schema-limits.ts'

export type Failures = Readonly<Selectable<SignInFailuresTable>>
export type Device = Readonly<Selectable<DevicesTable>>

/** One more failure, unless a wait is on or the count has reached `closedAt`: then undefined, and nothing is counted. */
export async function countFailure(
  db: Database,
  subject: string,
  now: Date,
  closedAt: number,
): Promise<number | undefined> {
  return (await oneMoreFailure(db, { subject, now, closedAt }))[0]?.failures
}

const oneMoreFailure = prepared((db, { subject, now, closedAt }: { subject: string; now: Date; closedAt: number }) =>
  db
    .insertInto('signInFailures')
    .values({ subject, failures: 1, lastFailedAt: now })
    .onConflict((conflict) =>
      conflict
        .column('subject')
        .doUpdateSet((set) => ({ failures: set('signInFailures.failures', '+', 1), lastFailedAt: now }))
        .where('signInFailures.failures', '<', closedAt)
        .where((where) =>
          where.or([where('signInFailures.blockedUntil', 'is', null), where('signInFailures.blockedUntil', '<=', now)]),
        ),
    )
    .returning('failures'),
)

export const findFailures = (db: Database, subject: string): Promise<Failures | undefined> =>
  db.selectFrom('signInFailures').selectAll().where('subject', '=', subject).executeTakeFirst()

export async function block(db: Database, subject: string, until: Date): Promise<void> {
  await db.updateTable('signInFailures').set({ blockedUntil: until }).where('subject', '=', subject).execute()
}

/** One failure less. The wait goes too: it was due to that one, or to a count that is now below what makes anyone wait. */
export async function uncountFailure(db: Database, subject: string): Promise<void> {
  await db
    .updateTable('signInFailures')
    .set((set) => ({ failures: set('failures', '-', 1), blockedUntil: null }))
    .where('subject', '=', subject)
    .where('failures', '>', 0)
    .execute()
}

const forgetOne = prepared((db, { subject }: { subject: string }) =>
  db.deleteFrom('signInFailures').where('subject', '=', subject),
)

export async function forgetFailuresOf(db: Database, subject: string): Promise<void> {
  await forgetOne(db, { subject })
}

/** Tells how many there were. */
export async function forgetFailures(db: Database, subjects: readonly string[]): Promise<number> {
  const forgotten = await db
    .deleteFrom('signInFailures')
    .where('subject', 'in', subjects)
    .returning('subject')
    .execute()
  return forgotten.length
}

/** Tells how many there were. */
export async function removeAllFailures(db: Database): Promise<number> {
  return (await db.deleteFrom('signInFailures').returning('subject').execute()).length
}

/** Rows below `closedAt` alone: what was closed opens by a reset or an operator, not by waiting. */
export const removeFailuresBefore = (db: Database, moment: Date, closedAt: number): Promise<void> =>
  bitByBit((limit) => {
    const isOver = (where: ExpressionBuilder<Schema, 'signInFailures'>) =>
      where.and([where('lastFailedAt', '<', moment), where('failures', '<', closedAt)])
    const some = db.selectFrom('signInFailures').select('subject').where(isOver).limit(limit)
    // Asked twice, as PostgreSQL asks the outer question once more of a row it had to wait for: one may have failed just now.
    return db.deleteFrom('signInFailures').where('subject', 'in', some).where(isOver).executeTakeFirst()
  })

export const findDevice = (db: Database, userId: number, valueHash: Uint8Array): Promise<Device | undefined> =>
  db
    .selectFrom('devices')
    .selectAll()
    .where('userId', '=', userId)
    .where('valueHash', '=', valueHash)
    .executeTakeFirst()

export const devicesOf = (db: Database, userId: number): Promise<Device[]> =>
  db.selectFrom('devices').selectAll().where('userId', '=', userId).orderBy('lastUsedAt', 'desc').execute()

export async function insertDevice(db: Database, device: Device): Promise<void> {
  await db.insertInto('devices').values(device).execute()
}

export async function touchDevice(db: Database, id: string, now: Date): Promise<void> {
  await db.updateTable('devices').set({ lastUsedAt: now }).where('id', '=', id).execute()
}

export async function removeDevices(db: Database, ids: readonly string[]): Promise<void> {
  if (ids.length > 0) await db.deleteFrom('devices').where('id', 'in', ids).execute()
}

export async function removeDevicesOf(db: Database, userId: number): Promise<void> {
  await db.deleteFrom('devices').where('userId', '=', userId).execute()
}

/** Tells how many there were. */
export async function removeAllDevices(db: Database): Promise<number> {
  return (await db.deleteFrom('devices').returning('id').execute()).length
}
