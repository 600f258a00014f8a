import type { Database } from '../../database/schema.ts'
import { before, hours } from '../../kernel/duration.ts'
import { TO_NOBODY, type Channel } from './outbox.ts'

/** How a channel's messages fare, for whoever watches them. */
export interface Waiting {
  readonly channel: Channel
  /** Those that wait to be sent. */
  readonly queued: number
  /** When the oldest of them was written. */
  readonly oldestAt: Date | undefined
  /** Given up in the last hour. */
  readonly dead: number
}

// A scrape must cost the same whatever piles up. In the order of the index, so that the oldest are among those counted.
const MOST_COUNTED = 10_000

const CHANNELS: readonly Channel[] = ['email', 'sms']

export async function waiting(db: Database, now: Date): Promise<readonly Waiting[]> {
  const queued = await db
    .selectFrom((from) => someOf(from, 'queued').orderBy('nextAttemptAt').as('some'))
    .select((select) => [
      'channel',
      select.fn.countAll<number>().as('count'),
      select.fn.min<Date | string>('createdAt').as('oldestAt'),
    ])
    .groupBy('channel')
    .execute()
  const dead = await db
    .selectFrom((from) =>
      someOf(from, 'dead')
        .where('nextAttemptAt', '>', before(now, hours(1)))
        .as('some'),
    )
    .select((select) => ['channel', select.fn.countAll<number>().as('count')])
    .where((eb) => eb.or([eb('reason', 'is', null), eb('reason', 'not like', `${TO_NOBODY}%`)]))
    .groupBy('channel')
    .execute()
  return CHANNELS.map((channel) => {
    const its = queued.find((row) => row.channel === channel)
    return {
      channel,
      queued: Number(its?.count ?? 0),
      // Of an expression SQLite does not know that it is a moment.
      oldestAt: its && new Date(its.oldestAt),
      dead: Number(dead.find((row) => row.channel === channel)?.count ?? 0),
    }
  })
}

const someOf = (db: Pick<Database, 'selectFrom'>, status: 'queued' | 'dead') =>
  db
    .selectFrom('deliveries')
    .select(['channel', 'createdAt', 'reason'])
    .where('status', '=', status)
    .limit(MOST_COUNTED)
