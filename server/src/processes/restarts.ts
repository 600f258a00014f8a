import { type Duration, milliseconds, seconds } from '../kernel/duration.ts'

// Enough for what passes by itself, a full memory or a locked file; what does not is the operator's to hear.
const MOST_FAILED_STARTS = 5
const FIRST_PAUSE = milliseconds(100)
const LONGEST_PAUSE = seconds(10)
// Whatever ends sooner than this after another is taken for the same fault again, and the pause doubles.
const STEADY_AFTER = seconds(10)

/** How patiently processes that end are replaced. */
export interface Restarts {
  /** Another one ended: how long to wait before its successor is started. */
  pause(): Duration
  /** One ended before it served. Whether there is no point in starting more. */
  isHopeless(): boolean
  /** One serves: what was wrong has passed. */
  served(): void
}

export function createRestarts(): Restarts {
  let recent = 0
  let failed = 0
  return {
    pause() {
      setTimeout(() => recent--, STEADY_AFTER).unref()
      return milliseconds(Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** recent++))
    },
    isHopeless: () => ++failed >= MOST_FAILED_STARTS,
    served() {
      failed = 0
    },
  }
}
