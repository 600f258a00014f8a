import type { Database } from '../../database/schema.ts'
import { networkOf } from '../../http/client-address.ts'
import { after, milliseconds, minutes } from '../../kernel/duration.ts'
import type { Rate } from '../../ports/limiter/port.ts'

// Who guesses just below the rate must not go on so for an hour: 20 a minute are 100 an hour.
const SUSTAINED = { times: 5, periods: 60, upTo: minutes(1) }

const sustainedQuota = ({ quota, period }: Rate): number =>
  quota * (period <= SUSTAINED.upTo ? SUSTAINED.times : SUSTAINED.periods)

/** A failure counted for an address, to be taken back by. */
export interface CountedFailure {
  readonly address: string
  readonly endsAt: Date
  readonly sustainedEndsAt: Date
}

/**
 * One more failed sign-in from an address, unless it has had its rate already, or for a rate a minute five times that within the hour: then
 * undefined, and nothing is counted. One statement decides, so that twenty at once are twenty.
 */
export async function countAddress(
  db: Database,
  ip: string | null,
  rate: Rate,
  now: Date,
): Promise<CountedFailure | undefined> {
  const { quota, period } = rate
  const address = networkOf(ip ?? '')
  const endsAt = after(now, period)
  const sustainedEndsAt = after(now, milliseconds(period * SUSTAINED.periods))
  return db
    .insertInto('addressFailures')
    .values({ address, failures: 1, endsAt, sustainedFailures: 1, sustainedEndsAt })
    .onConflict((conflict) =>
      conflict
        .column('address')
        .doUpdateSet((set) => {
          const isOver = set('addressFailures.endsAt', '<=', now)
          const isSustainedOver = set('addressFailures.sustainedEndsAt', '<=', now)
          return {
            failures: set
              .case()
              .when(isOver)
              .then(1)
              .else(set('addressFailures.failures', '+', 1))
              .end(),
            endsAt: set
              .case()
              .when(isOver)
              .then(set.ref('excluded.endsAt'))
              .else(set.ref('addressFailures.endsAt'))
              .end(),
            sustainedFailures: set
              .case()
              .when(isSustainedOver)
              .then(1)
              .else(set('addressFailures.sustainedFailures', '+', 1))
              .end(),
            sustainedEndsAt: set
              .case()
              .when(isSustainedOver)
              .then(set.ref('excluded.sustainedEndsAt'))
              .else(set.ref('addressFailures.sustainedEndsAt'))
              .end(),
          }
        })
        .where(({ or, eb }) =>
          or([eb('addressFailures.endsAt', '<=', now), eb('addressFailures.failures', '<', quota)]),
        )
        .where(({ or, eb }) =>
          or([
            eb('addressFailures.sustainedEndsAt', '<=', now),
            eb('addressFailures.sustainedFailures', '<', sustainedQuota(rate)),
          ]),
        ),
    )
    .returning(['address', 'endsAt', 'sustainedEndsAt'])
    .executeTakeFirst()
}

/** When the address may fail again. */
export async function addressFreeAt(db: Database, ip: string | null, rate: Rate, now: Date): Promise<Date> {
  const row = await db
    .selectFrom('addressFailures')
    .selectAll()
    .where('address', '=', networkOf(ip ?? ''))
    .executeTakeFirst()
  if (!row) return now
  const isSustained = row.sustainedFailures >= sustainedQuota(rate) && row.sustainedEndsAt > now
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
export async function removeOldAddresses(db: Database, now: Date): Promise<void> {
  await db.deleteFrom('addressFailures').where('sustainedEndsAt', '<=', now).where('endsAt', '<=', now).execute()
}
