import type { Clock } from '../src/kernel/clock.ts'
import { after, type Duration } from '../src/kernel/duration.ts'

/** A clock that stands still until the test turns it; a negative duration turns it back. */
export interface TurnedClock extends Clock {
  turn(duration: Duration): void
}

export function createTurnedClock(start = new Date('2026-11-22T09:00:00Z')): TurnedClock {
  let now = start
  return {
    now: () => now,
    turn(duration) {
      now = after(now, duration)
    },
  }
}
