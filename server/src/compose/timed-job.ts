import type { FastifyBaseLogger } from 'fastify'
import { giveUpLease, takeLease } from '../database/lease.ts'
import type { Database } from '../database/schema.ts'
import { within } from '../features/messages/within.ts'
import type { Clock } from '../kernel/clock.ts'
import type { Count } from '../kernel/count.ts'
import { type Duration, milliseconds, seconds } from '../kernel/duration.ts'

// What is left of the work is for another process, or for the next start.
const STOP_LIMIT = seconds(2)

/** What one process at a time does, however many there are. */
export interface TimedJob {
  readonly name: string
  readonly every: Duration
  /** Ends early once `isStopping`. */
  work(now: Date, isStopping: () => boolean): Promise<void>
}

interface TimedJobDeps {
  readonly db: Database
  readonly clock: Clock
  /** Names this process among those that could do it. */
  readonly holder: string
  readonly log: Pick<FastifyBaseLogger, 'error' | 'warn'>
  /** Undefined where nothing is counted. */
  readonly count?: Count | undefined
}

/**
 * Does the job now and every so often, unless another process has it: whoever has it keeps it until it stops, or misses a
 * turn by half its interval, which is also how far clocks may differ. Gives back what stops it and lets the next have it.
 */
export function startTimedJob(job: TimedJob, { db, clock, holder, log, count }: TimedJobDeps): () => Promise<void> {
  const { name, every } = job
  const length = milliseconds(every * 1.5)
  let isStopping = false
  let working: Promise<void> | undefined
  const work = async (): Promise<void> => {
    try {
      const now = clock.now()
      if (await takeLease(db, name, holder, now, length)) {
        await job.work(now, () => isStopping)
        count?.('timed_job', { job: name, outcome: 'done' })
      }
    } catch (err) {
      count?.('timed_job', { job: name, outcome: 'failed' })
      if (!isStopping) log.error({ err, job: name }, 'a timed job failed; it will be tried again')
    }
    working = undefined
  }
  const begin = () => {
    working ??= work()
  }
  begin()
  const timer = setInterval(begin, every).unref()
  return async () => {
    clearInterval(timer)
    isStopping = true
    await within(STOP_LIMIT, working ?? Promise.resolve())
    await giveUpLease(db, name, holder).catch((err: unknown) =>
      log.warn({ err, job: name }, 'a lease stays to its end'),
    )
  }
}
