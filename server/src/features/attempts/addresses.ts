import { type ExpressionBuilder, sql } from 'kysely'
import { bitByBit } from '../../database/bit-by-bit.ts'
import type { Database, Schema } from '../../database/schema.ts'
import { networkOf } from '../../http/client-address.ts'
import { sustainedOf } from '../../http/throttle.ts'
import { after } from '../../kernel/duration.ts'
import type { Rate } from '../../ports/limiter/port.ts'

/** A failure counted for an address, to be taken back by. */
export interface CountedFailure {
  readonly address: string
  readonly endsAt: Date
  readonly sustainedEndsAt: Date
}

/**
 * One more failed sign-in from an address, unless it has had its rate already, or what it may have for longer (see
 * `sustainedOf`): then undefined, and nothing is counted. One statement decides, so that twenty at once are twenty.
 */
export async function countAddress(
  db: Database,
  ip: string | null,
  rate: Rate,
  now: Date,
): Promise<CountedFailure | undefined> {
  const sustained = sustainedOf(rate)
  const address = networkOf(ip ?? '')
  const endsAt = after(now, rate.period)
  const sustainedEndsAt = after(now, sustained.period)
  return db
    .insertInto('addressFailures')
    .values({ address, failures: 1, endsAt, sustainedFailures: 1, sustainedEndsAt })
    .onConflict((conflict) =>
      conflict
        .column('address')
        .doUpdateSet({
          ...countedIn('failures', 'endsAt', now),
          ...countedIn('sustainedFailures', 'sustainedEndsAt', now),
        })
        .where(hasRoom('failures', 'endsAt', rate, now))
        .where(hasRoom('sustainedFailures', 'sustainedEndsAt', sustained, now)),
    )
    .returning(['address', 'endsAt', 'sustainedEndsAt'])
    .executeTakeFirst()
}

type Count = 'failures' | 'sustainedFailures'
type End = 'endsAt' | 'sustainedEndsAt'

/** One more in the window that runs; the first of a new one where that is over. */
function countedIn(count: Count, end: End, now: Date) {
  const [was, ended] = [sql.ref(`addressFailures.${count}`), sql.ref(`addressFailures.${end}`)]
  return {
    [count]: sql<number>`case when ${ended} <= ${now} then 1 else ${was} + 1 end`,
    [end]: sql<Date>`case when ${ended} <= ${now} then ${sql.ref(`excluded.${end}`)} else ${ended} end`,
  }
}

const hasRoom = (count: Count, end: End, { quota }: Rate, now: Date) =>
  sql<boolean>`(${sql.ref(`addressFailures.${end}`)} <= ${now} or ${sql.ref(`addressFailures.${count}`)} < ${quota})`

/** When the address may fail again. */
export async function addressFreeAt(db: Database, ip: string | null, rate: Rate, now: Date): Promise<Date> {
  const row = await db
    .selectFrom('addressFailures')
    .selectAll()
    .where('address', '=', networkOf(ip ?? ''))
    .executeTakeFirst()
  if (!row) return now
  const isSustained = row.sustainedFailures >= sustainedOf(rate).quota && row.sustainedEndsAt > now
  return isSustained ? row.sustainedEndsAt : row.endsAt
}

/** Takes back one that was none, from the windows it was counted in alone. */
export async function uncountAddress(
  db: Database,
  { address, endsAt, sustainedEndsAt }: CountedFailure,
): Promise<void> {
  await db
    .updateTable('addressFailures')
    .set((set) => ({
      failures: set
        .case()
        .when('endsAt', '=', endsAt)
        .then(set('failures', '-', 1))
        .else(set.ref('failures'))
        .end(),
      sustainedFailures: set('sustainedFailures', '-', 1),
    }))
    .where('address', '=', address)
    .where('sustainedEndsAt', '=', sustainedEndsAt)
    .execute()
}

/** Addresses that have not failed for so long that nothing counts any more. */
export const removeOldAddresses = (db: Database, now: Date): Promise<void> =>
  bitByBit((limit) => {
    const isOver = (where: ExpressionBuilder<Schema, 'addressFailures'>) =>
      where.and([where('sustainedEndsAt', '<=', now), where('endsAt', '<=', now)])
    const some = db.selectFrom('addressFailures').select('address').where(isOver).limit(limit)
    // Asked twice: one may have failed just now.
    return db.deleteFrom('addressFailures').where('address', 'in', some).where(isOver).executeTakeFirst()
  })
