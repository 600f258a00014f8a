import { setTimeout } from 'node:timers/promises'
import { DatabaseBusy, isBusy } from './errors.ts'

/** How long anything waits for the database before it gives up. */
export const PATIENCE_MILLISECONDS = 5000

const LONGEST_PAUSE_MILLISECONDS = 10

/**
 * Does `work` again, after a pause, for as long as another process holds the lock it needs. SQLite itself never waits
 * here (its own wait would stop the whole event loop). Counts the pauses rather than asking a clock.
 *
 * @throws {DatabaseBusy} after about five seconds.
 */
export async function untilFree<T>(work: () => T | Promise<T>): Promise<T> {
  for (let waited = 0; ;) {
    try {
      return await work()
    } catch (error) {
      if (!isBusy(error)) throw error
      if (waited >= PATIENCE_MILLISECONDS)
        throw new DatabaseBusy('another process holds the database', { cause: error })
    }
    const pause = Math.min(waited + 1, LONGEST_PAUSE_MILLISECONDS)
    await setTimeout(pause)
    waited += pause
  }
}
