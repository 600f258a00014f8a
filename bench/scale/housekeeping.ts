import { performance } from 'node:perf_hooks'
import { setImmediate } from 'node:timers/promises'
import { openDatabase } from '../../server/src/database/open.ts'
import { after, days } from '../../server/src/kernel/duration.ts'
import { removeExpired } from '../../server/src/features/sessions/service.ts'

const SECONDS = 3

// Shorter turns did nothing.
const LEAST_MS = 0.2

/**
 * Clears away the sessions that end within a day, as housekeeping will, for so long; gives the milliseconds for which each turn
 * of it held the event loop, ascending.
 */
export async function clearAway(path: string): Promise<readonly number[]> {
  const { db, close } = await openDatabase({ location: { kind: 'file', path } })
  try {
    const oldest = await db.selectFrom('sessions').select('expiresAt').orderBy('expiresAt').limit(1).executeTakeFirst()
    if (!oldest) return []
    const clearing = follow(removeExpired(db, after(oldest.expiresAt, days(1))))
    const stalls: number[] = []
    const end = performance.now() + SECONDS * 1000
    for (let last = performance.now(); clearing.isGoingOn() && last < end;) {
      await setImmediate()
      const now = performance.now()
      if (now - last > LEAST_MS) stalls.push(now - last)
      last = now
    }
    return stalls.toSorted((a, b) => a - b)
  } finally {
    await close()
  }
}

/** What is left of it when the time is up fails, since the database is closed then. */
function follow(work: Promise<void>): { isGoingOn(): boolean } {
  let isGoingOn = true
  const ended = (): void => {
    isGoingOn = false
  }
  work.then(ended, ended)
  return { isGoingOn: () => isGoingOn }
}
