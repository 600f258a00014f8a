import { chmodSync, existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { type CommandWorld, createCommandWorld } from '../../test/command.ts'
import { deliveryRow, insertUser, sessionRow } from '../../test/database.ts'
import { startKavenegar } from '../../test/lookalikes/kavenegar.ts'
import { startSmtp } from '../../test/lookalikes/smtp.ts'
import { days, minutes } from '../kernel/duration.ts'
import { systemRandom } from '../kernel/random.ts'

const canary = (): string => Buffer.from(systemRandom.bytes(24)).toString('hex')

/** What the doctor says of one thing: `level: text`, a line each. */
async function findings(world: CommandWorld, topic: string): Promise<string> {
  const { json } = await world.type('doctor --json')
  const all = json.findings as { level: string; topic: string; text: string }[]
  return all
    .filter((finding) => finding.topic === topic)
    .map(({ level, text }) => `${level}: ${text}`)
    .join('\n')
}

it('doctor looks at a folder that is not there yet and leaves it so', async () => {
  const world = createCommandWorld()
  const { code, out } = await world.type('doctor')
  expect(code).toBe(0)
  expect(out).toMatch(/^DATA_DIR +environment +\S+data$/m)
  expect(out).toMatch(/^PORT +default +8000$/m)
  expect(out).toMatch(/^warning +production +PUBLIC_URL must be set in production/m)
  expect(out).toContain('the first start makes it')
  expect(existsSync(world.dataDir)).toBe(false)
})

it('doctor finds nothing wrong with a sound installation, changes nothing in it and shows no secret', async () => {
  const secretKey = canary()
  const world = createCommandWorld({ SECRET_KEY: secretKey })
  await world.inside(async () => {})
  const files = () => readdirSync(world.dataDir).map((name) => [name, statSync(join(world.dataDir, name)).mtimeMs])
  const before = files()
  const { code, out } = await world.type('doctor')
  expect(code).toBe(0)
  expect(out).toMatch(/^ok +database +.* is sound and up to date: 0 users, 0 live sessions$/m)
  expect(out).toMatch(/^warning +admin +there is none yet/m)
  expect(out).toMatch(/^ok +secret +from SECRET_KEY/m)
  expect(out).toMatch(/^ok +signing key +\S+ \(ES256\) is signing, 0 days old$/m)
  expect(out).not.toContain(secretKey)
  expect(files()).toEqual(before)
})

it('doctor names every wrong setting', async () => {
  const { code, out } = await createCommandWorld({ PORT: 'x', LOG_LEVEL: 'y' }).type('doctor')
  expect(code).toBe(1)
  expect(out).toMatch(/^fault +settings +PORT must be/m)
  expect(out).toMatch(/^fault +settings +LOG_LEVEL must be/m)
})

it.each([
  ['a damaged database', 'database', 'latchkey.db', (path: string) => writeFileSync(path, 'not a database at all')],
  ['a lost database', 'database', 'latchkey.db', (path: string) => rmSync(path)],
  ['lost signing keys', 'signing key', 'keys.json', (path: string) => rmSync(path)],
  ['damaged signing keys', 'signing key', 'keys.json', (path: string) => writeFileSync(path, '{}')],
  ['a lost secret', 'secret', 'secret.key', (path: string) => rmSync(path)],
  ['a damaged secret', 'secret', 'secret.key', (path: string) => writeFileSync(path, 'short')],
])('doctor finds %s', async (_, topic, name, spoil) => {
  const world = createCommandWorld()
  await world.inside(async () => {})
  spoil(join(world.dataDir, name))
  expect(await findings(world, topic)).toMatch(/^fault: /)
  expect((await world.type('doctor')).code).toBe(1)
})

it('doctor tells where a client is taken to be, through the proxies that are trusted and through others', async () => {
  const world = createCommandWorld()
  expect(await findings(world, 'proxies')).toMatch(/^ok: none is trusted: a client is where its connection comes from/)
  world.set({ TRUSTED_PROXIES: 'private,cloudflare' })
  expect(await findings(world, 'proxies')).toBe(
    [
      'ok: 26 ranges trusted, those of Cloudflare as of 2025-11-19',
      'X-Forwarded-For "198.51.100.1, 203.0.113.7, 2c0f:f248::1" from 10.0.0.1 is read as 203.0.113.7',
      'X-Forwarded-For "203.0.113.7" from 198.51.100.1 is read as 198.51.100.1',
    ].join('\n'),
  )
  world.set({ TRUSTED_PROXIES: '203.0.113.0/24' })
  expect(await findings(world, 'proxies')).toMatch(
    /"198\.51\.100\.1, 203\.0\.113\.7, 203\.0\.113\.1" .* is read as 198\.51\.100\.1$/m,
  )
})

it('doctor finds files that others may read, another secret, an old key and a clock turned back', async () => {
  const world = createCommandWorld()
  await world.inside(async ({ db }) => {
    await db
      .insertInto('sessions')
      .values(sessionRow(await insertUser(db, 'sara'), { lastUsedAt: world.clock.now() }))
      .execute()
  })
  chmodSync(join(world.dataDir, 'keys.json'), 0o644)
  expect(await findings(world, 'data folder')).toMatch(/warning: others may reach .*keys\.json \(0644\)/)
  world.clock.turn(days(400))
  expect(await findings(world, 'signing key')).toMatch(/^warning: .*400 days old/)
  world.clock.turn(days(-401))
  expect(await findings(world, 'clock')).toMatch(/^fault: .*set the clock right/)
  world.set({ SECRET_KEY: canary() })
  expect(await findings(world, 'secret')).toMatch(/^fault: .*keys rekey/)
})

it('doctor tells what waits in the outbox and why messages were given up', async () => {
  const world = createCommandWorld()
  await world.inside(async ({ db }) => {
    const now = world.clock.now()
    const dead = { status: 'dead', sealed: null, finishedAt: now, reason: 'smtp: 550 no such user' } as const
    await db
      .insertInto('deliveries')
      .values([deliveryRow({ nextAttemptAt: now }), deliveryRow(dead), deliveryRow(dead)])
      .execute()
  })
  expect(await findings(world, 'outbox')).toBe(
    'ok: 1 message waiting\nwarning: 2 email messages given up in the last 7 days: smtp: 550 no such user',
  )
  world.clock.turn(minutes(3))
  expect(await findings(world, 'outbox')).toMatch(
    /^warning: 1 message waiting, due since .*does a server or worker run/,
  )
})

it('doctor logs in at the mail server and asks Kavenegar for the credit, and sends nothing', async () => {
  const password = canary()
  await using smtp = await startSmtp({ security: 'none', login: { user: 'sender', password } })
  await using kavenegar = await startKavenegar({ credit: 50_000 })
  const world = createCommandWorld({
    EMAIL_HOST: '127.0.0.1',
    EMAIL_PORT: String(smtp.port),
    EMAIL_HOST_USER: 'sender',
    EMAIL_HOST_PASSWORD: password,
    EMAIL_USE_TLS: 'false',
    EMAIL_FROM: 'no-reply@example.com',
    KAVENEGAR_API_KEY: kavenegar.key,
    KAVENEGAR_BASE_URL: kavenegar.url,
  })
  expect(await findings(world, 'mail')).toBe(`ok: 127.0.0.1:${smtp.port} lets us in`)
  expect(await findings(world, 'text messages')).toBe('warning: kavenegar knows our key; 50000 rials of credit left')

  world.set({ EMAIL_HOST_PASSWORD: canary(), KAVENEGAR_API_KEY: canary() })
  const { code, out } = await world.type('doctor')
  expect(code).toBe(1)
  expect(out).toMatch(/^fault +mail +smtp: /m)
  expect(out).toMatch(/^fault +text messages +kavenegar 403: /m)
  for (const secret of [password, kavenegar.key]) expect(out).not.toContain(secret)
  expect(smtp.messages).toHaveLength(0)
  expect(kavenegar.sent).toHaveLength(0)
})
