import { Redis } from 'ioredis'
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible'
import { milliseconds, seconds } from '../../kernel/duration.ts'
import type { Secret } from '../../kernel/secret.ts'
import type { Limiter, Rate, Standing } from './port.ts'
import { whereIs, whyFailed } from './redis-failure.ts'
import { subjectOf } from './subject.ts'

const PREFIX = 'latchkey'

// A healthy Redis answers within a millisecond; whoever waits for it waits no longer than this.
const COMMAND_TIMEOUT = milliseconds(300)

// A connection on which an answer is this long overdue is dead, though nobody said so: another one is opened.
const SILENT_AFTER = seconds(1)

const RECONNECT_WITHIN = seconds(1)

export interface RedisLimiter extends Limiter {
  /** Host and port, without what is secret in the URL. */
  readonly place: string
  /** Resolves once the first connection is there or has failed; never rejects. Tries on by itself, before as after. */
  connect(): Promise<void>
  close(): void
}

/**
 * Counts in a Redis (6 or later) or Valkey for every process of the same secret; windows end by its own clock. Of scopes
 * and keys it gets only a keyed hash, which is gone with the window. A take that is not answered within 300 ms, for
 * whatever reason, rejects with `LimiterUnavailable`, though it may have been counted. Throws RangeError for a period
 * below a second.
 */
export function createRedisLimiter(url: string, secret: Secret): RedisLimiter {
  const connection = openRedis(url)
  const { client, whyNotReady } = connection
  const counters = new Map<string, RateLimiterRedis>()
  return {
    place: whereIs(url),
    async take(scope, key, rate) {
      const counter = counterOf(counters, client, rate)
      if (client.status !== 'ready') throw new LimiterUnavailable(whyNotReady())
      return standingOf(await consume(counter, subjectOf(secret.key('redis-counter'), scope, key, rate)), rate)
    },
    connect: () => client.connect().catch(() => {}), // a take tells why
    close: () => client.disconnect(),
  }
}

/** The reason in words for the operator, without any secret or address. */
export class LimiterUnavailable extends Error {
  override readonly name = 'LimiterUnavailable'
}

interface Connection {
  readonly client: Redis
  /** What the connection last failed with. */
  readonly whyNotReady: () => string
}

/** A connection not yet begun that comes back by itself, on which nothing waits in line and nothing is sent twice. */
export function openRedis(url: string): Connection {
  const { protocol, hostname, port, username, password, pathname } = new URL(url)
  const client = new Redis({
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port || 6379),
    db: Number(pathname.slice(1)),
    ...(username !== '' && { username: decodeURIComponent(username) }),
    ...(password !== '' && { password: decodeURIComponent(password) }),
    ...(protocol === 'rediss:' && { tls: {} }),
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    autoResendUnfulfilledCommands: false,
    commandTimeout: COMMAND_TIMEOUT,
    connectTimeout: SILENT_AFTER,
    socketTimeout: SILENT_AFTER,
    disconnectTimeout: COMMAND_TIMEOUT,
    retryStrategy: (attempt) => Math.min(attempt * 50, RECONNECT_WITHIN),
  })
  let fault: string | undefined
  client.on('error', (error: Error) => (fault = whyFailed(error)))
  client.on('ready', () => (fault = undefined))
  const whyNotReady = () => fault ?? (client.status === 'connect' ? 'is not ready yet' : 'is not connected')
  return { client, whyNotReady }
}

/** One a rate: rates are ours, so a stranger cannot make more of them. */
function counterOf(counters: Map<string, RateLimiterRedis>, storeClient: Redis, rate: Rate): RateLimiterRedis {
  const name = `${rate.quota}/${rate.period}`
  const known = counters.get(name)
  if (known) return known
  // Redis would be told a window of 0 seconds, which to the library is one that never ends.
  if (rate.period < seconds(1)) throw new RangeError(`a window of ${rate.period} ms is shorter than a second`)
  const duration = Math.ceil(rate.period / 1000)
  const counter = new RateLimiterRedis({ storeClient, keyPrefix: PREFIX, points: rate.quota, duration })
  counters.set(name, counter)
  return counter
}

/** The library rejects with the count when the quota is used up; to us that is an answer like the other. */
async function consume(counter: RateLimiterRedis, key: string): Promise<RateLimiterRes> {
  try {
    return await counter.consume(key)
  } catch (refused) {
    if (refused instanceof RateLimiterRes) return refused
    throw new LimiterUnavailable(whyFailed(refused))
  }
}

const standingOf = (count: RateLimiterRes, rate: Rate): Standing => ({
  allowed: count.consumedPoints <= rate.quota,
  quota: rate.quota,
  remaining: count.remainingPoints,
  resetSeconds: Math.max(1, Math.ceil(count.msBeforeNext / 1000)),
})
