import { expect, it, onTestFinished } from 'vitest'
import { selfSignedCertificate, trust } from '../../../test/lookalikes/certificate.ts'
import { closedPort } from '../../../test/lookalikes/loopback.ts'
import { needsRedis } from '../../../test/redis.ts'
import { hours, milliseconds, minutes } from '../../kernel/duration.ts'
import { createSecret } from '../../kernel/secret.ts'
import { createRedisLimiter, type RedisLimiter } from './redis.ts'

const SECRET = createSecret(Buffer.alloc(32, 1))
const FIVE_A_MINUTE = { quota: 5, period: minutes(1) }

async function connected(url: string, secret = SECRET): Promise<RedisLimiter> {
  const limiter = createRedisLimiter(url, secret)
  onTestFinished(() => limiter.close())
  await limiter.connect()
  return limiter
}

const takeOne = (limiter: RedisLimiter) => limiter.take('login', '192.0.2.1', FIVE_A_MINUTE)

// Seen failing with a count kept in the process beside Redis.
it('allows two processes the quota once, 20 at once, in 20 rounds', async (context) => {
  const { url } = await needsRedis(context)
  const both = [await connected(url), await connected(url)]
  for (let round = 0; round < 20; round++) {
    const takes = Array.from({ length: 20 }, (_, index) => both[index % 2]!.take('login', `${round}`, FIVE_A_MINUTE))
    expect((await Promise.all(takes)).filter(({ allowed }) => allowed)).toHaveLength(5)
  }
})

it('keeps nothing but hashes, under a prefix of ours, until their windows end', async (context) => {
  const redis = await needsRedis(context)
  const limiter = await connected(redis.url)
  await limiter.take('login', 'ip:192.0.2.1', FIVE_A_MINUTE)
  await limiter.take('destination_hour', 'stranger:ann@example.com', { quota: 5, period: hours(1) })
  const keys = (await redis.ask('keys', '*')) as string[]
  expect(keys).toHaveLength(2)
  for (const key of keys) {
    expect(key).toMatch(/^latchkey:[\w-]{43}$/)
    expect(Number(await redis.ask('ttl', key))).toBeGreaterThan(0)
  }
})

it('shares no count with a server of another secret', async (context) => {
  const { url } = await needsRedis(context)
  const other = await connected(url, createSecret(Buffer.alloc(32, 2)))
  for (const _ of Array(6)) await takeOne(await connected(url))
  expect(await takeOne(other)).toMatchObject({ allowed: true, remaining: 4 })
})

it('uses the password and the database that its URL names', async (context) => {
  const redis = await needsRedis(context, { password: 'p@ss/word:1' })
  await takeOne(await connected(`${redis.url}/3`))
  expect(await redis.ask('info', 'keyspace')).toContain('db3:keys=1')
})

it('speaks TLS to whose certificate it trusts, and to nobody else', async (context) => {
  const certificate = selfSignedCertificate()
  const { url } = await needsRedis(context, { certificate })
  await expect(takeOne(await connected(url))).rejects.toThrow(/^cannot be reached \(\w*SELF_SIGNED\w*\)$/)
  onTestFinished(trust(certificate.cert))
  expect(await takeOne(await connected(url))).toMatchObject({ allowed: true })
})

it('refuses a window that Redis would never end', async (context) => {
  const { url } = await needsRedis(context)
  const brief = { quota: 1, period: milliseconds(999) }
  await expect((await connected(url)).take('login', '192.0.2.1', brief)).rejects.toThrow(RangeError)
})

it('says that there is no Redis, and which way it is not there', async () => {
  const limiter = await connected(`redis://:hunter2@127.0.0.1:${await closedPort()}`)
  await expect(takeOne(limiter)).rejects.toThrow(/^cannot be reached \(ECONNREFUSED\)$/)
})

it('says that the password is wrong, or missing, and repeats none', async (context) => {
  const { port } = await needsRedis(context, { password: 'right' })
  for (const user of ['', ':wrong@', 'nobody:wrong@'])
    await expect(takeOne(await connected(`redis://${user}127.0.0.1:${port}`))).rejects.toThrow(
      /^refuses the user or password in REDIS_URL$/,
    )
})

it('says that Redis takes no writes, and why', async (context) => {
  const full = await needsRedis(context, { settings: ['--maxmemory', '1', '--maxmemory-policy', 'noeviction'] })
  await expect(takeOne(await connected(full.url))).rejects.toThrow(/^is full/)
  const replica = await needsRedis(context, { settings: ['--replicaof', `127.0.0.1 ${full.port}`] })
  await expect(takeOne(await connected(replica.url))).rejects.toThrow(/^is a replica/)
  const cluster = await needsRedis(context, { settings: ['--cluster-enabled', 'yes'] })
  await expect(takeOne(await connected(cluster.url))).rejects.toThrow(/^is a node of a cluster/)
  const guarded = await needsRedis(context)
  await guarded.ask('acl', 'setuser', 'reader', 'on', '>secret', '~*', '+@read', '+@connection', '+info')
  const reader = await connected(`redis://reader:secret@127.0.0.1:${guarded.port}`)
  await expect(takeOne(reader)).rejects.toThrow(/^does not let this user/)
})
