import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { minutes, seconds } from '../kernel/duration.ts'
import { appCode, verifiedUser, withApp, withTwoFactors } from '../../test/factors.ts'
import { scrape, TOKEN } from '../../test/metrics.ts'
import { beginSignIn, passByApp, passByRecoveryCode } from '../../test/second-step.ts'
import { collectSpans } from '../../test/spans.ts'
import { UNLIMITED } from '../../test/unlimited.ts'
import { createWorld, type World } from '../../test/world.ts'

const PASSWORD = 'Canary-Password-1'
const WRONG = 'Canary-Wrong-2'
const EMAIL = 'canary-local@canary-domain.example'
const NEXT_EMAIL = 'canary-second@canary-domain.example'
const FACTOR_EMAIL = 'canary-third@canary-domain.example'
const NEXT_PASSWORD = 'Canary-Next-3'
const PHONE = '+989121230456'
const KEY = 'canary-secret-key-that-nobody-may-read-in-any-log-0123456789'

interface Secrets {
  readonly passwords: readonly string[]
  readonly tokens: readonly string[]
  readonly codes: readonly string[]
}

/** Walks through whatever touches a secret: right, wrong, in the wrong place. */
async function walk(world: World): Promise<Secrets> {
  const { call } = world
  const names = { first_name: 'Canary-First', last_name: 'Canary-Last' }
  await call('POST', '/api/users/', { body: { email: EMAIL, password: PASSWORD, ...names } })
  await call('POST', '/api/users/', { body: { email: EMAIL, password: WRONG } })
  await call('POST', '/api/users/', { body: { email: PASSWORD, password: EMAIL } })
  await call('POST', '/api/token/', { body: { email: EMAIL, password: WRONG } })
  await call('POST', '/api/token/', { body: { email: WRONG, password: PASSWORD } })
  const first = (await call('POST', '/api/token/', { body: { email: EMAIL, password: PASSWORD, device: 'new' } })).body
  const token = first.access
  await call('POST', '/api/token/', { body: { email: EMAIL, password: PASSWORD, device: first.device } })
  await call('PATCH', '/api/users/me/', { token, body: { phone: PHONE } })

  const codes = []
  for (const [channel, address] of [
    ['email', EMAIL],
    ['phone', PHONE],
  ] as const) {
    await call('POST', '/api/otp/send/', { token, body: { email_or_phone: channel } })
    const code = await world.codeTo(address)
    codes.push(code)
    await call('POST', '/api/otp/verify/', { token, body: { code: code === '123456' ? '654321' : '123456' } })
    await call('POST', '/api/otp/verify/', { token, body: { code } })
  }
  await call('PATCH', '/api/users/me/', { token, body: { email: NEXT_EMAIL } })
  world.clock.turn(minutes(2))
  await world.inbox()

  const second = (await call('POST', '/api/token/refresh/', { body: { refresh: first.refresh } })).body
  await call('POST', '/api/token/verify/', { body: { token: second.refresh } })
  await call('POST', '/api/token/verify/', { body: { token: second.access } })
  await call('POST', '/api/token/refresh/', { body: { refresh: first.access } })
  await call('GET', '/api/users/me/', { token: second.refresh })
  await call('GET', `/api/users/?email=${EMAIL}&token=${token}&password=${PASSWORD}`, { token })
  await call('GET', `/api/users/${token.slice(0, 150)}/`, { token })
  await call('GET', `/api/users/${token}/`, { token })
  await call('GET', `/${EMAIL}/%zz?token=${token}`)
  await call('GET', `/nothing/${EMAIL}`, { headers: { cookie: `session=${token}`, 'user-agent': 'Canary-Agent' } })
  await call('GET', '/api/users/me/', {
    headers: { authorization: `Basic ${Buffer.from(PASSWORD).toString('base64')}` },
  })
  await call('POST', '/api/logout/', { token, body: { refresh: second.refresh } })
  await call('GET', '/api/users/me/', { token })
  const tokens = [first.refresh, first.access, first.device, second.refresh, second.access]
  expect(tokens.every((each) => typeof each === 'string' && each.length > 20)).toBe(true)
  return { passwords: [PASSWORD, WRONG], tokens, codes }
}

/** Walks on through second factors and new passwords, right and wrong. */
async function walkOn(world: World): Promise<Secrets> {
  const { call, clock } = world
  const user = await verifiedUser(world, FACTOR_EMAIL)
  const { access: token } = user
  const { secret, recoveryCodes } = await withApp(world, user)
  const [first = '', second = ''] = [...recoveryCodes, ...(await withTwoFactors(world, user))].slice(-2)
  clock.turn(seconds(90))
  const shown = appCode(secret, clock.now())
  const pending = await beginSignIn(world, user)
  await passByRecoveryCode(world, pending, 'AAAA-AAAA-AAAA-AAAA')
  await passByApp(world, pending, shown)
  const wrong = { current_password: WRONG, new_password: NEXT_PASSWORD }
  await call('POST', '/api/password/change/', { token, body: wrong })
  await call('POST', '/api/password/change/', { token, body: { ...wrong, current_password: user.password } })
  await call('POST', '/api/token/reauthenticate/', { token, body: { password: WRONG } })
  await call('POST', '/api/password/reset/', { body: { email: FACTOR_EMAIL } })
  const code = await world.codeTo(FACTOR_EMAIL)
  const reset = { email: FACTOR_EMAIL, new_password: PASSWORD }
  await call('POST', '/api/password/reset/confirm/', { body: { ...reset, code: 'AAAA-AAAA-AAAA' } })
  await call('POST', '/api/password/reset/confirm/', { body: { ...reset, code } })
  const again = await beginSignIn(world, { email: FACTOR_EMAIL, password: PASSWORD })
  await passByRecoveryCode(world, again, second)
  return {
    passwords: [PASSWORD, WRONG, NEXT_PASSWORD, user.password],
    tokens: [secret, first, second, code, pending.access, pending.refresh],
    codes: [shown],
  }
}

async function walkEverywhere(world: World): Promise<Secrets> {
  const walks = [await walk(world), await walkOn(world)]
  return {
    passwords: walks.flatMap(({ passwords }) => passwords),
    tokens: walks.flatMap(({ tokens }) => tokens),
    codes: walks.flatMap(({ codes }) => codes),
  }
}

const settings = { ...UNLIMITED, LOG_LEVEL: 'trace', SECRET_KEY: KEY }

/** A token's signature: whoever has the rest of it has nothing. */
const tail = (token: string) => token.slice(-24)

it('logs no password, code, token, key or full address, whatever happens', async () => {
  const world = await createWorld({ settings })
  const { passwords, tokens, codes } = await walkEverywhere(world)
  const logged = world.logged()
  expect(logged.split('\n').length).toBeGreaterThan(25)
  for (const secret of [...passwords, ...tokens.map(tail), KEY, Buffer.from(PASSWORD).toString('base64')])
    expect(logged.includes(secret), secret).toBe(false)
  for (const address of [EMAIL, NEXT_EMAIL, FACTOR_EMAIL, 'canary-local', 'canary-second', PHONE, '9121230456'])
    expect(logged.toLowerCase().includes(address), address).toBe(false)
  // A time or an id may hold six digits by chance, a word of their own they may not.
  for (const code of codes) expect(logged, code).not.toMatch(new RegExp(`(?<![\\dA-Za-z.-])${code}(?![\\dA-Za-z-])`))
})

it('keeps no password, code, token or key in its files, the addresses alone', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'latchkey-'))
  onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }))
  const world = await createWorld({ settings: { ...settings, DATA_DIR: dataDir }, compose: { inMemory: false } })
  const { passwords, tokens, codes } = await walkEverywhere(world)
  await world.latchkey.foundation.db.destroy()
  const files = Buffer.concat(readdirSync(dataDir).map((name) => readFileSync(join(dataDir, name)))).toString('latin1')
  expect(files).toContain(EMAIL)
  for (const secret of [...passwords, ...tokens.map(tail), KEY]) expect(files.includes(secret), secret).toBe(false)
  for (const code of codes) expect(files, code).not.toMatch(new RegExp(`(?<![\\dA-Za-z])${code}(?![\\dA-Za-z])`))
})

it('puts no password, code, token, key, name or full address on record', async () => {
  const world = await createWorld({ settings })
  const { passwords, tokens, codes } = await walkEverywhere(world)
  const events = await world.latchkey.foundation.db.selectFrom('auditEvents').selectAll().execute()
  const told = new Set(events.map(({ type }) => type))
  for (const type of [
    'sign_in_failed',
    'signed_in',
    'registered',
    'totp_added',
    'recovery_code_used',
    'password_reset',
  ])
    expect(told).toContain(type)
  const recorded = JSON.stringify(events).toLowerCase()
  for (const secret of [...passwords, ...tokens.map(tail), KEY]) expect(recorded).not.toContain(secret.toLowerCase())
  for (const code of codes) expect(recorded, code).not.toMatch(new RegExp(`(?<![\\da-z.-])${code}(?![\\da-z-])`))
  for (const name of [
    'canary-first',
    'canary-last',
    'canary-local',
    'canary-second',
    'canary-third',
    PHONE,
    '9121230456',
  ])
    expect(recorded).not.toContain(name)
})

it('tells no password, code, token, key, name or address in metrics or spans', async () => {
  const { tracing, ended } = await collectSpans()
  const world = await createWorld({ settings: { ...settings, METRICS_TOKEN: TOKEN }, compose: { tracing } })
  const { passwords, tokens, codes } = await walkEverywhere(world)
  const { text } = await scrape(world)
  const spans = JSON.stringify(ended)
  expect(ended.length).toBeGreaterThan(100)
  const names = ['canary', '9121230456', '127.0.0.1']
  for (const told of [text, spans]) {
    for (const secret of [...passwords, ...tokens.map(tail), KEY]) expect(told.includes(secret), secret).toBe(false)
    for (const name of names) expect(told.toLowerCase().includes(name), name).toBe(false)
    for (const code of codes) expect(told, code).not.toMatch(new RegExp(`(?<![\\dA-Za-z.-])${code}(?![\\dA-Za-z-])`))
  }
})

it('tells no secret back in any answer but the one that gives it', async () => {
  const world = await createWorld({ settings })
  const body = { email: EMAIL, password: PASSWORD }
  const answers = [
    await world.call('POST', '/api/users/', { body }),
    await world.call('POST', '/api/users/', { body: { ...body, email: 'no address' } }),
    await world.call('POST', '/api/token/', { body: { ...body, password: WRONG } }),
    await world.call('POST', '/api/token/refresh/', { body: { refresh: PASSWORD } }),
    await world.call('GET', '/api/users/me/', { token: PASSWORD }),
    await world.call('POST', '/api/token/', { body: [PASSWORD] }),
  ]
  for (const { text, headers } of answers)
    expect(text + JSON.stringify(headers)).not.toMatch(/Canary-(?:Password|Wrong)/)
})
