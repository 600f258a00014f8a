import type { FastifyBaseLogger } from 'fastify'
import type { Config } from '../config.ts'
import type { Database } from '../database/schema.ts'
import type { Clock } from '../kernel/clock.ts'
import type { Secret } from '../kernel/secret.ts'
import { createDatabaseLimiter } from '../ports/limiter/database.ts'
import { createMemoryLimiter } from '../ports/limiter/memory.ts'
import type { Limiter, LimiterTrouble } from '../ports/limiter/port.ts'
import type { RedisReport } from '../ports/limiter/redis-inspect.ts'
import { withFallback } from '../ports/limiter/with-fallback.ts'
import { processCount } from './process-count.ts'

/** Where requests are counted at this moment. */
export interface Counting {
  readonly in: 'redis' | 'database' | 'memory'
  /** Why not in Redis, where REDIS_URL is set. */
  readonly trouble?: LimiterTrouble
  /** Takes of this process so far that Redis was to count and did not. */
  readonly fallbacks: number
}

export interface ServerLimiter extends Limiter {
  counting(): Counting
  close(): void
}

interface LimiterDeps {
  readonly db: Database
  readonly secret: Secret
  readonly clock: Clock
  readonly logger: Pick<FastifyBaseLogger, 'info' | 'error'>
}

/**
 * Counts where all processes that share the limits see it: in Redis with the database behind it, else in the database, and
 * for a process alone in its memory. Waits for Redis until it is known whether it counts, at most about a second.
 */
export async function createLimiter(config: Config, deps: LimiterDeps): Promise<ServerLimiter> {
  const { redisUrl } = config.scale
  if (redisUrl === undefined && isAlone(config)) return inOnePlace('memory', createMemoryLimiter())
  const inDatabase = createDatabaseLimiter(deps.db, deps.clock, deps.secret)
  return redisUrl === undefined ? inOnePlace('database', inDatabase) : inRedis(redisUrl, inDatabase, deps)
}

const isAlone = (config: Config): boolean => config.scale.databaseUrl === undefined && processCount(config) === 1

const inOnePlace = (place: 'database' | 'memory', limiter: Limiter): ServerLimiter => ({
  take: limiter.take,
  counting: () => ({ in: place, fallbacks: 0 }),
  close() {},
})

async function inRedis(url: string, database: Limiter, { secret, clock, logger }: LimiterDeps): Promise<ServerLimiter> {
  // Loaded only where it is asked for: it would lengthen every start.
  const { createRedisLimiter } = await import('../ports/limiter/redis.ts')
  const first = createRedisLimiter(url, secret)
  const redis = first.place
  const onChange = (trouble?: LimiterTrouble) => {
    if (trouble) logger.error({ redis, ...trouble }, `Redis ${trouble.reason}: requests are counted in the database`)
    else logger.info({ redis }, 'requests are counted in Redis again')
  }
  const limiter = withFallback(first, database, { clock, onChange })
  await first.connect()
  await limiter.tryFirst()
  if (!limiter.trouble()) logger.info({ redis }, 'requests are counted in Redis')
  return {
    take: limiter.take,
    counting() {
      const trouble = limiter.trouble()
      return { in: trouble ? 'database' : 'redis', ...(trouble && { trouble }), fallbacks: limiter.fallbacks() }
    },
    close() {
      limiter.close()
      first.close()
    },
  }
}

/** Where a server with these settings counts, and how Redis fares where it is to. */
export type LimitsReport =
  | { readonly kind: 'here'; readonly in: 'database' | 'memory' }
  | (RedisReport & { readonly place: string })

/** Asks Redis, where it is set, and has it count for a second. Never rejects. */
export async function inspectLimits(config: Config): Promise<LimitsReport> {
  const { redisUrl } = config.scale
  if (redisUrl === undefined) return { kind: 'here', in: isAlone(config) ? 'memory' : 'database' }
  const { inspectRedis, whereIs } = await import('../ports/limiter/redis-inspect.ts')
  return { ...(await inspectRedis(redisUrl)), place: whereIs(redisUrl) }
}
