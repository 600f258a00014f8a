import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, expect, it, onTestFinished } from 'vitest'
import { type CommandWorld, createCommandWorld, startedWorld } from '../../test/command.ts'
import { needsPostgres, stopPostgres } from '../../test/postgres.ts'
import { days } from '../kernel/duration.ts'
import { systemClock } from '../kernel/clock.ts'
import { systemRandom } from '../kernel/random.ts'

afterAll(stopPostgres)

const secretKey = (): string => Buffer.from(systemRandom.bytes(48)).toString('base64')

async function findings(world: CommandWorld, topic: string): Promise<string> {
  const { json } = await world.type('doctor --production --json')
  const all = json.findings as { level: string; topic: string; text: string }[]
  return all
    .filter((finding) => finding.topic === topic)
    .map(({ level, text }) => `${level}: ${text}`)
    .join('\n')
}

/** Something that answers every GET with 200; its URL. */
async function someServer(): Promise<string> {
  const server = createServer((_, answer) => answer.end('ok'))
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  onTestFinished(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

it('--production takes for a fault what a start in production refuses, wherever it is asked', async () => {
  const world = await startedWorld()
  expect((await world.type('doctor')).code).toBe(0)
  expect((await world.type('doctor --production')).code).toBe(1)
  const told = await findings(world, 'production')
  expect(told).toMatch(/^warning: NODE_ENV is not production here/)
  expect(told).toMatch(/^fault: PUBLIC_URL must be set in production/m)
  expect(told).toMatch(/^fault: EMAIL_HOST must be set in production/m)
})

it('--production finds a secret beside the database, a guessable one, and takes a random one', async () => {
  expect(await findings(await startedWorld(), 'secret')).toMatch(/^warning: lies beside the database/m)
  const guessable = await startedWorld({ SECRET_KEY: 'secretsecretsecretsecretsecretsecret' })
  expect(await findings(guessable, 'secret')).toMatch(/^fault: SECRET_KEY is no random one/m)
  const random = await startedWorld({ SECRET_KEY: secretKey() })
  expect(await findings(random, 'secret')).toMatch(/^ok: SECRET_KEY has 64 bytes$/m)
})

it('--production tells the age of the last backup, proves the audit and looks through every page', async () => {
  const world = await startedWorld()
  expect(await findings(world, 'backup')).toBe(
    'warning: there was never one: `latchkey backup`, and a copy of it elsewhere',
  )
  await world.type('backup')
  expect(await findings(world, 'backup')).toMatch(/^ok: the last was made /)
  world.clock.turn(days(3))
  expect(await findings(world, 'backup')).toMatch(/^warning: .*make one each day/)
  expect(await findings(world, 'audit')).toBe('ok: 0 events proven, 0 not sealed yet')
  expect(await findings(world, 'database')).toMatch(/^ok: every page of \d+ is sound/m)
})

it('--production asks PUBLIC_URL for its health, and a webhook for nothing but a connection', async () => {
  const [publicUrl, gateway] = [await someServer(), await someServer()]
  const world = await startedWorld({
    PUBLIC_URL: publicUrl,
    SMS_WEBHOOK_URL: `${gateway}/send`,
    SMS_WEBHOOK_SECRET: `whsec_${secretKey()}`,
  })
  expect(await findings(world, 'public URL')).toBe(`ok: ${publicUrl}/healthz answers`)
  expect(await findings(world, 'text messages')).toMatch(/^ok: 127\.0\.0\.1:\d+ takes connections; nothing was sent$/m)
  world.set({ PUBLIC_URL: 'http://127.0.0.1:9', SMS_WEBHOOK_URL: 'http://127.0.0.1:9/send' })
  expect(await findings(world, 'public URL')).toMatch(/^warning: .* is not reached from here: ECONNREFUSED$/)
  expect(await findings(world, 'text messages')).toMatch(/^fault: 127\.0\.0\.1:9 is not reached/m)
})

it('--production finds more processes than cores, and proxies that nobody trusts', async () => {
  const world = await startedWorld({ WEB_CONCURRENCY: '64', PUBLIC_URL: 'https://127.0.0.1:9' })
  expect(await findings(world, 'processes')).toMatch(/^warning: 64 processes on \d+ cores?: /)
  expect(await findings(world, 'proxies')).toMatch(/^warning: PUBLIC_URL is https and no proxy is trusted/m)
})

it('doctor looks at PostgreSQL: what it is, what is in it, and its clock', async (context) => {
  const url = await (await needsPostgres(context)).create()
  const world = createCommandWorld({ DATABASE_URL: url, SECRET_KEY: secretKey() })
  world.clock.turn((systemClock.now().getTime() - world.clock.now().getTime()) as never)
  await world.inside(async () => {})
  const database = await findings(world, 'database')
  expect(database).toMatch(/is sound and up to date: 0 users, 0 live sessions$/m)
  expect(database).toMatch(/^ok: PostgreSQL \d+.* at /m)
  expect(await findings(world, 'clock')).toMatch(/^ok: as the database has it$/m)
  expect(await findings(world, 'signing key')).toMatch(/^ok: \S+ \(ES256\) is signing/)
  expect(await findings(world, 'data folder')).toMatch(/ is not there, and need not be: everything lies in PostgreSQL$/)
  world.clock.turn(days(1))
  expect(await findings(world, 'clock')).toMatch(/^fault: it is 86\d{3} s away from the database's/m)
  world.set({ DATABASE_URL: 'postgres://127.0.0.1:9/none' })
  expect(await findings(world, 'database')).toMatch(/^fault: /)
  expect(await findings(world, 'database')).not.toContain('    at ')
})
