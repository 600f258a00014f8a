import { expect, it } from 'vitest'
import { createCommandWorld } from '../../test/command.ts'
import { closedPort } from '../../test/lookalikes/loopback.ts'
import { needsRedis } from '../../test/redis.ts'

async function findingOn(settings: Readonly<Record<string, string>>): Promise<string | undefined> {
  const { out } = await createCommandWorld(settings).type('doctor')
  return out.split('\n').find((line) => /^\w+ +limits /.test(line))
}

it('doctor says where requests are counted', async (context) => {
  expect(await findingOn({})).toMatch(/^ok +limits +counted in the memory$/)
  expect(await findingOn({ WEB_CONCURRENCY: '2' })).toMatch(/^ok +limits +counted in the database$/)
  const { url, port } = await needsRedis(context, { password: 'hunter2' })
  expect(await findingOn({ REDIS_URL: url })).toMatch(
    new RegExp(`^ok +limits +counted in (Redis|Valkey) [\\d.]+ at 127.0.0.1:${port}$`),
  )
})

it('doctor says what keeps Redis from counting, and no password', async (context) => {
  const { port } = await needsRedis(context, { password: 'right' })
  const wrong = await findingOn({ REDIS_URL: `redis://:hunter2@127.0.0.1:${port}` })
  expect(wrong).toMatch(/^fault +limits +Redis at 127.0.0.1:\d+ refuses the user or password in REDIS_URL/)
  expect(wrong).not.toContain('hunter2')
  const away = await findingOn({ REDIS_URL: `redis://127.0.0.1:${await closedPort()}` })
  expect(away).toMatch(/^fault +limits .* cannot be reached \(ECONNREFUSED\)/)
})

it('doctor warns of a Redis that throws counts away to make room', async (context) => {
  const settings = ['--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru']
  const { url } = await needsRedis(context, { settings })
  expect(await findingOn({ REDIS_URL: url })).toMatch(/^warning +limits .*maxmemory-policy allkeys-lru/)
})

it('an option in the URL of Redis that would be passed over is refused', async () => {
  const { code, out } = await createCommandWorld({ REDIS_URL: 'redis://localhost?ssl_cert_reqs=none' }).type('doctor')
  expect(code).toBe(1)
  expect(out).toContain('REDIS_URL must be redis://user:password@host:port/number')
})
