import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { minutes } from '../kernel/duration.ts'
import { UNLIMITED } from '../../test/unlimited.ts'
import { createWorld, type World } from '../../test/world.ts'

const PASSWORD = 'Canary-Password-1'
const WRONG = 'Canary-Wrong-2'
const EMAIL = 'canary-local@canary-domain.example'
const NEXT_EMAIL = 'canary-second@canary-domain.example'
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

const settings = { ...UNLIMITED, LOG_LEVEL: 'trace', SECRET_KEY: KEY }

/** A token's signature: whoever has the rest of it has nothing. */
const tail = (token: string) => token.slice(-24)

it('logs no password, code, token, key or full address, whatever happens', async () => {
  const world = await createWorld({ settings })
  const { passwords, tokens, codes } = await walk(world)
  const logged = world.logged()
  expect(logged.split('\n').length).toBeGreaterThan(25)
  for (const secret of [...passwords, ...tokens.map(tail), KEY, Buffer.from(PASSWORD).toString('base64')])
    expect(logged.includes(secret), secret).toBe(false)
  for (const address of [EMAIL, NEXT_EMAIL, 'canary-local', 'canary-second', PHONE, '9121230456'])
    expect(logged.toLowerCase().includes(address), address).toBe(false)
  // A time or an id may hold six digits by chance, a word of their own they may not.
  for (const code of codes) expect(logged, code).not.toMatch(new RegExp(`(?<![\\dA-Za-z.-])${code}(?![\\dA-Za-z-])`))
})

it('keeps no password, code, token or key in its files, the addresses alone', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'latchkey-'))
  onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }))
  const world = await createWorld({ settings: { ...settings, DATA_DIR: dataDir }, compose: { inMemory: false } })
  const { passwords, tokens, codes } = await walk(world)
  await world.latchkey.foundation.db.destroy()
  const files = Buffer.concat(readdirSync(dataDir).map((name) => readFileSync(join(dataDir, name)))).toString('latin1')
  expect(files).toContain(EMAIL)
  for (const secret of [...passwords, ...tokens.map(tail), KEY]) expect(files.includes(secret), secret).toBe(false)
  for (const code of codes) expect(files, code).not.toMatch(new RegExp(`(?<![\\dA-Za-z])${code}(?![\\dA-Za-z])`))
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
