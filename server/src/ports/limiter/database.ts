import { type ExpressionBuilder, sql } from 'kysely'
import { bitByBit } from '../../database/bit-by-bit.ts'
import type { Database, Schema } from '../../database/schema.ts'
import type { Clock } from '../../kernel/clock.ts'
import { after, secondsUntil } from '../../kernel/duration.ts'
import type { Secret } from '../../kernel/secret.ts'
import type { Limiter, Rate, Standing } from './port.ts'
import { subjectOf } from './subject.ts'

// rate-limiter-flexible has stores over SQL too, but they make tables and write queries of their own, on connections of their
// own: out of reach of our migrations, our transactions and our clock. It is one statement, so it is ours.

/**
 * Counts in the database: exact for all processes on it, however many ask at once, and forgotten by no restart. On the handle of
 * a transaction a take counts if and only if that commits. Windows begin and end by the clock given; processes whose clocks
 * differ by a minute end theirs a minute apart. Of scopes and keys only a keyed hash is kept.
 */
export function createDatabaseLimiter(db: Database, clock: Clock, secret: Secret): Limiter {
  return {
    async take(scope, key, rate) {
      const now = clock.now()
      const subject = subjectOf(secret.key('rate-counter'), scope, key, rate)
      // Read first, so that whoever goes on asking past his quota costs no write: a window that is full stays so until it ends.
      const full = await fullWindow(db, subject, rate, now)
      if (full) return refused(rate, full, now)
      const counted = rate.quota > 0 ? await count(db, subject, rate, now) : undefined
      if (counted) return allowed(rate, counted, now)
      // Another filled it up since it was read; or the quota is none, and no window is ever begun.
      return refused(rate, await fullWindow(db, subject, rate, now), now)
    },
  }
}

interface Window {
  readonly count: number
  readonly endsAt: Date
}

const fullWindow = (db: Database, subject: string, { quota }: Rate, now: Date): Promise<Window | undefined> =>
  db
    .selectFrom('rateCounters')
    .select(['count', 'endsAt'])
    .where('subject', '=', subject)
    .where('endsAt', '>', now)
    .where('count', '>=', quota)
    .executeTakeFirst()

/** One more in the window that runs, the first of a new one where that is over; undefined, and nothing, where it is full. */
function count(db: Database, subject: string, { quota, period }: Rate, now: Date): Promise<Window | undefined> {
  const [was, ended] = [sql.ref<number>('rateCounters.count'), sql.ref<Date>('rateCounters.endsAt')]
  const isOver = sql<boolean>`${ended} <= ${now}`
  return db
    .insertInto('rateCounters')
    .values({ subject, count: 1, endsAt: after(now, period) })
    .onConflict((conflict) =>
      conflict
        .column('subject')
        .doUpdateSet({
          count: sql<number>`case when ${isOver} then 1 else ${was} + 1 end`,
          endsAt: sql<Date>`case when ${isOver} then ${sql.ref('excluded.endsAt')} else ${ended} end`,
        })
        .where(sql<boolean>`(${isOver} or ${was} < ${quota})`),
    )
    .returning(['count', 'endsAt'])
    .executeTakeFirst()
}

const allowed = ({ quota }: Rate, { count, endsAt }: Window, now: Date): Standing => ({
  allowed: true,
  quota,
  remaining: Math.max(0, quota - count),
  resetSeconds: secondsUntil(now, endsAt),
})

const refused = ({ quota, period }: Rate, full: Window | undefined, now: Date): Standing => ({
  allowed: false,
  quota,
  remaining: 0,
  resetSeconds: secondsUntil(now, full?.endsAt ?? after(now, period)),
})

/** Forgets windows that have ended. */
export const removeEndedWindows = (db: Database, now: Date): Promise<void> =>
  bitByBit((limit) => {
    const isOver = (where: ExpressionBuilder<Schema, 'rateCounters'>) => where('endsAt', '<=', now)
    const some = db.selectFrom('rateCounters').select('subject').where(isOver).limit(limit)
    // Asked twice: one may have begun anew just now.
    return db.deleteFrom('rateCounters').where('subject', 'in', some).where(isOver).executeTakeFirst()
  })
