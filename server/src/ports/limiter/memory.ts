import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import { days } from '../../kernel/duration.ts'
import type { Limiter, Rate, Standing } from './port.ts'

// A stranger with a block of addresses opens as many keys as he likes, each some 600 bytes until its window ends. At this
// many the oldest is forgotten: about 30 MB a rate, and whoever owns so many addresses never needed a window to end.
const MAX_KEYS = 50_000

// The library ends a window by a timer, and Node fires a timer of more than 2³¹ - 1 ms at once: such a limit would not limit.
const LONGEST_PERIOD = days(24)

interface Counter {
  readonly limiter: RateLimiterMemory
  /** In the order their windows began. */
  readonly keys: Set<string>
}

/**
 * Counts within this process: exact for one process, forgotten at its end. Windows end by the machine's own clock, which the
 * library reads itself; its timers do not keep the process alive. Throws RangeError for a period of more than 24 days.
 */
export function createMemoryLimiter(): Limiter {
  const counters = new Map<string, Counter>()
  return {
    async take(scope, key, rate) {
      const counter = counterOf(counters, scope, rate)
      const count = await consume(counter.limiter, key)
      if (count.isFirstInDuration) await remember(counter, key)
      return standingOf(count, rate)
    },
  }
}

/** One counter a scope and rate: scopes and rates are ours, so a stranger cannot make more of them. */
function counterOf(counters: Map<string, Counter>, scope: string, rate: Rate): Counter {
  const name = `${scope} ${rate.quota}/${rate.period}`
  const known = counters.get(name)
  if (known) return known
  if (rate.period > LONGEST_PERIOD) throw new RangeError(`a window of ${rate.period} ms is longer than 24 days`)
  const limiter = new RateLimiterMemory({ keyPrefix: '', points: rate.quota, duration: rate.period / 1000 })
  const counter = { limiter, keys: new Set<string>() }
  counters.set(name, counter)
  return counter
}

/** The library rejects with the count when the quota is used up; to us that is an answer like the other. */
async function consume(limiter: RateLimiterMemory, key: string): Promise<RateLimiterRes> {
  try {
    return await limiter.consume(key)
  } catch (refused) {
    if (refused instanceof RateLimiterRes) return refused
    throw refused
  }
}

async function remember({ limiter, keys }: Counter, key: string): Promise<void> {
  keys.delete(key)
  keys.add(key)
  if (keys.size <= MAX_KEYS) return
  const [oldest] = keys
  if (oldest === undefined) return
  keys.delete(oldest)
  await limiter.delete(oldest)
}

function standingOf(count: RateLimiterRes, rate: Rate): Standing {
  return {
    allowed: count.consumedPoints <= rate.quota,
    quota: rate.quota,
    remaining: count.remainingPoints,
    resetSeconds: Math.max(1, Math.ceil(count.msBeforeNext / 1000)),
  }
}
