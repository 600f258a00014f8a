import type { Clock } from '../../kernel/clock.ts'
import { seconds } from '../../kernel/duration.ts'
import type { Limiter, LimiterTrouble } from './port.ts'

// No request waits for a trial, and a take a second is nothing to whoever counts.
const TRIAL_EVERY = seconds(1)

const TRIAL_RATE = { quota: 1, period: seconds(1) }

export interface FallbackDeps {
  readonly clock: Clock
  /** Told once when the first limiter fails, and once, with undefined, when it counts again. */
  readonly onChange: (trouble: LimiterTrouble | undefined) => void
}

export interface LimiterWithFallback extends Limiter {
  /** Why the one behind counts; undefined while the first does. */
  trouble(): LimiterTrouble | undefined
  /** Takes counted by the one behind so far. */
  fallbacks(): number
  /** Asks the first whether it counts. Never rejects. */
  tryFirst(): Promise<void>
  close(): void
}

/**
 * Counts in the first limiter, and in the one behind what the first rejects: no take goes uncounted. At the first failure the
 * one behind takes over, so that nobody waits for what hangs; each second the first is tried beside the requests, and counts
 * again once it can. Each of the two keeps its own windows: whoever used up his quota in one has at most another in the other.
 * Rejects with what the one behind rejects with.
 */
export function withFallback(first: Limiter, behind: Limiter, { clock, onChange }: FallbackDeps): LimiterWithFallback {
  let trouble: LimiterTrouble | undefined
  let fallbacks = 0
  let nextTrial: NodeJS.Timeout | undefined
  let isClosed = false

  function turn(now: LimiterTrouble | undefined): void {
    const isChange = (now === undefined) !== (trouble === undefined)
    trouble = now && { ...now, since: trouble?.since ?? now.since }
    if (isChange && !isClosed) onChange(trouble)
    if (trouble === undefined || isClosed) return
    clearTimeout(nextTrial)
    nextTrial = setTimeout(() => void tryFirst(), TRIAL_EVERY).unref()
  }

  const failed = (error: unknown): void =>
    turn({ reason: error instanceof Error ? error.message : String(error), since: clock.now() })

  async function tryFirst(): Promise<void> {
    await first.take('trial', '', TRIAL_RATE).then(() => turn(undefined), failed)
  }

  return {
    async take(scope, key, rate) {
      if (trouble === undefined) {
        try {
          return await first.take(scope, key, rate)
        } catch (error) {
          failed(error)
        }
      }
      fallbacks++
      return behind.take(scope, key, rate)
    },
    trouble: () => trouble,
    fallbacks: () => fallbacks,
    tryFirst,
    close() {
      isClosed = true
      clearTimeout(nextTrial)
    },
  }
}
