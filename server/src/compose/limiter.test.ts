import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { closedPort } from '../../test/lookalikes/loopback.ts'
import { needsRedis } from '../../test/redis.ts'
import { createWorld, type World } from '../../test/world.ts'

// Refused for its empty body, which is asked for after the throttles.
const ask = async (world: World): Promise<number> => (await world.call('POST', '/api/token/', { body: {} })).status

async function asks(world: World, times: number): Promise<number[]> {
  const statuses: number[] = []
  for (let time = 0; time < times; time++) statuses.push(await ask(world))
  return statuses
}

const limits = async (world: World) => (await world.call('GET', '/readyz')).body.limits

it('two servers on one Redis and one secret allow what one would', async (context) => {
  const redis = await needsRedis(context)
  const settings = { REDIS_URL: redis.url, SECRET_KEY: 'x'.repeat(32), THROTTLE_ANON: '3/min' }
  const [first, second] = [await createWorld({ settings }), await createWorld({ settings })]
  expect(await asks(first, 2)).toEqual([400, 400])
  expect(await asks(second, 2)).toEqual([400, 429])
  expect(await ask(first)).toBe(429)
  expect(await limits(first)).toEqual({ counted_in: 'redis' })
})

it(
  'serves on when Redis goes, counts in the database meanwhile, says so, and once',
  { timeout: 60_000 },
  async (context) => {
    const redis = await needsRedis(context)
    const world = await createWorld({ settings: { REDIS_URL: redis.url, THROTTLE_ANON: '3/min' } })
    expect(await asks(world, 1)).toEqual([400])
    await redis.kill()
    expect(await asks(world, 5)).toEqual([400, 400, 400, 429, 429])
    expect(await limits(world)).toEqual({
      counted_in: 'database',
      trouble: { reason: expect.any(String), since: expect.stringMatching(/^2026-/) },
    })
    expect(world.logged().match(/requests are counted in the database/g)).toHaveLength(1)
    await redis.restart()
    while ((await limits(world)).counted_in !== 'redis') await sleep(20)
    expect(world.logged().match(/requests are counted in Redis again/g)).toHaveLength(1)
    expect(world.logged()).toContain(`127.0.0.1:${redis.port}`)
  },
)

it('starts without Redis, says that it is not there, and tells nobody its password', async () => {
  const settings = { REDIS_URL: `redis://:hunter2@127.0.0.1:${await closedPort()}`, THROTTLE_ANON: '3/min' }
  const world = await createWorld({ settings })
  expect(world.logged()).toContain('Redis cannot be reached (ECONNREFUSED): requests are counted in the database')
  expect(await asks(world, 4)).toEqual([400, 400, 400, 429])
  expect(world.logged()).not.toContain('hunter2')
})

it('starts with a wrong password, and says so', async (context) => {
  const { port } = await needsRedis(context, { password: 'right' })
  const world = await createWorld({ settings: { REDIS_URL: `redis://:hunter2@127.0.0.1:${port}` } })
  expect(world.logged()).toContain('Redis refuses the user or password in REDIS_URL')
  expect(world.logged()).not.toContain('hunter2')
})

it.each([
  ['memory', { REDIS_URL: '' }],
  ['database', { REDIS_URL: '', WEB_CONCURRENCY: '2' }],
])('counts in the %s with settings %o', async (place, settings) => {
  expect(await limits(await createWorld({ settings }))).toEqual({ counted_in: place })
})
