import { seconds } from '../../kernel/duration.ts'
import { createSecret } from '../../kernel/secret.ts'
import { createRedisLimiter, LimiterUnavailable, openRedis } from './redis.ts'

export { whereIs } from './redis-failure.ts'

/** What a Redis is found to be. */
export type RedisReport =
  | { readonly kind: 'failed'; readonly reason: string }
  | {
      readonly kind: 'counts'
      /** As in `Redis 7.0.15`. */
      readonly software: string
      /** Counts it may throw away while windows still run, to make room. */
      readonly evictsBy?: string
    }

/** Counts one take, for a second, as a server would; asks what it is. Never rejects. */
export async function inspectRedis(url: string): Promise<RedisReport> {
  // Nothing that is counted for anybody: no server has this secret.
  const limiter = createRedisLimiter(url, createSecret(new Uint8Array(32)))
  try {
    await limiter.connect()
    await limiter.take('trial', '', { quota: 1, period: seconds(1) })
    return { kind: 'counts', ...(await factsOf(url)) }
  } catch (error) {
    return { kind: 'failed', reason: error instanceof LimiterUnavailable ? error.message : 'failed' }
  } finally {
    limiter.close()
  }
}

async function factsOf(url: string): Promise<{ software: string; evictsBy?: string }> {
  const { client } = openRedis(url)
  try {
    await client.connect()
    const told = await client.info()
    const find = (name: string) => new RegExp(`^${name}:(.+)\\r?$`, 'm').exec(told)?.[1]?.trim()
    const valkey = find('valkey_version')
    const policy = find('maxmemory_policy') ?? 'noeviction'
    return {
      software: valkey === undefined ? `Redis ${find('redis_version') ?? 'of unknown version'}` : `Valkey ${valkey}`,
      ...(policy !== 'noeviction' && find('maxmemory') !== '0' && { evictsBy: policy }),
    }
  } catch {
    return { software: 'a Redis that does not tell its version' }
  } finally {
    client.disconnect()
  }
}
