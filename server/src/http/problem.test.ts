import { describe, expect, it } from 'vitest'
import { DatabaseBusy } from '../database/errors.ts'
import { UNLIMITED } from '../../test/unlimited.ts'
import { createWorld, type World } from '../../test/world.ts'

const PERSIAN = /\p{Script=Arabic}/u

/** One way to each refusal that a stranger can provoke. */
const asStranger = (world: World) =>
  [
    ['invalid', world.call('POST', '/api/token/', { body: {} })],
    ['not_authenticated', world.call('GET', '/api/users/me/')],
    ['token_not_valid', world.call('GET', '/api/users/me/', { token: 'x' })],
    ['bad_authorization_header', world.call('GET', '/api/users/me/', { headers: { authorization: 'Bearer a b' } })],
    [
      'no_active_account',
      world.call('POST', '/api/token/', { body: { email: 'no@example.com', password: 'Nobody-9x' } }),
    ],
    ['token_not_valid', world.call('POST', '/api/token/refresh/', { body: { refresh: 'x' } })],
    ['not_found', world.call('GET', '/nothing/')],
    ['method_not_allowed', world.call('GET', '/api/token/')],
    [
      'unsupported_media_type',
      world.call('POST', '/api/token/', { body: {}, headers: { 'content-type': 'text/plain' } }),
    ],
    ['request_too_large', world.call('POST', '/api/token/', { body: { email: 'a'.repeat(20_000) } })],
    ['bad_request', world.call('GET', '/api/users/%zz/')],
  ] as const

describe('a failure', () => {
  it('is an RFC 9457 problem with a request id that the header repeats', async () => {
    const world = await createWorld()
    for (const [code, call] of asStranger(world)) {
      const { headers, body } = await call
      expect([code, headers['content-type']]).toEqual([code, 'application/problem+json'])
      expect(Object.keys(body).slice(0, 5), code).toEqual(['type', 'title', 'detail', 'code', 'request_id'])
      expect(body).toMatchObject({ code, type: `http://localhost:8000/errors/${code}/` })
      expect(body.request_id).toBe(headers['x-request-id'])
      expect(headers['cache-control']).toBe('no-store')
      expect('status' in body, 'RFC 9457 §3.1.2: ours would be text').toBe(false)
    }
  })

  it('says in Persian what it says, to who asks in Persian, and keeps its code', async () => {
    const world = await createWorld({ settings: { DEFAULT_LANGUAGE: 'fa' } })
    for (const [code, call] of asStranger(world)) {
      const { headers, body } = await call
      expect([body.code, headers['content-language']]).toEqual([code, 'fa'])
      expect(body.title, code).toMatch(PERSIAN)
      expect(body.detail, code).toMatch(PERSIAN)
    }
  })

  it('names the scheme of its credentials wherever it is a 401', async () => {
    const world = await createWorld()
    for (const [, call] of asStranger(world)) {
      const { status, headers } = await call
      expect(headers['www-authenticate']).toBe(status === 401 ? 'Bearer realm="api"' : undefined)
    }
  })

  it('has an id of its own each time', async () => {
    const world = await createWorld()
    const ids = await Promise.all(asStranger(world).map(async ([, call]) => (await call).body.request_id))
    expect(new Set(ids).size).toBe(ids.length)
    const chosen = await world.call('GET', '/nothing/', { headers: { 'x-request-id': 'chosen' } })
    expect(chosen.body.request_id).not.toBe('chosen')
  })
})

describe('its language', () => {
  it.each([
    ['fa', 'fa'],
    ['fa-IR', 'fa'],
    ['FA', 'fa'],
    ['de, fa;q=0.5, en;q=0.4', 'fa'],
    ['en;q=0.9, fa;q=0.8', 'en'],
    ['fa;q=0, en', 'en'],
    ['de', 'en'],
    ['*', 'en'],
    ['', 'en'],
    [';;,,q=,', 'en'],
    ['fa;q=x', 'en'],
    ['fa,'.repeat(2000), 'en'],
  ])('for Accept-Language %s', async (asked, language) => {
    const world = await createWorld()
    const { headers } = await world.call('GET', '/nothing/', { headers: { 'accept-language': asked } })
    expect(headers['content-language']).toBe(language)
  })

  it("is the user's own before the header's", async () => {
    const world = await createWorld()
    const { access: token } = await world.signedInUser()
    await world.call('PATCH', '/api/users/me/', { token, body: { language: 'fa' } })
    const headers = { 'accept-language': 'en' }
    const { body } = await world.call('POST', '/api/otp/send/', { token, headers, body: { email_or_phone: 'pigeon' } })
    expect(body.code).toBe('invalid')
    expect(body.title).toMatch(PERSIAN)
    expect(body.email_or_phone[0]).toMatch(PERSIAN)
  })
})

it('gives the member `code` to the field of that name', async () => {
  const world = await createWorld()
  const { access: token } = await world.signedInUser()
  const { status, body } = await world.call('POST', '/api/otp/verify/', { token, body: {} })
  expect(status).toBe(400)
  expect(body.code).toEqual(['This field is required.'])
  expect(body.type).toBe('http://localhost:8000/errors/invalid/')
})

describe('a fault of ours', () => {
  async function brokenWorld(error: Error): Promise<{ world: World; breakNow: () => void }> {
    let isBroken = false
    const world = await createWorld({
      settings: UNLIMITED,
      compose: {
        beforeStatement() {
          if (isBroken) throw error
        },
      },
    })
    return { world, breakNow: () => (isBroken = true) }
  }

  it('is a bare 500; the log has its details under the same id', async () => {
    const { world, breakNow } = await brokenWorld(new Error('disk on fire at /var/secret'))
    const { access: token } = await world.signedInUser()
    breakNow()
    const calls = [
      world.call('GET', '/api/users/me/', { token }),
      world.call('POST', '/api/token/', { body: { email: 'a@example.com', password: 'Correct-Horse-7' } }),
      world.call('POST', '/api/users/', { body: { email: 'a@example.com', password: 'Correct-Horse-7' } }),
      world.call('POST', '/api/logout/', { token, body: { refresh: 'x' } }),
    ]
    for (const { status, headers, body, text } of await Promise.all(calls)) {
      expect([status, body.code]).toEqual([500, 'internal_error'])
      expect(Object.keys(body)).toEqual(['type', 'title', 'detail', 'code', 'request_id'])
      expect(body.request_id).toBe(headers['x-request-id'])
      expect(text).not.toMatch(/fire|secret|\.ts|Error:/)
      const line = world
        .logged()
        .split('\n')
        .find((each) => each.includes(body.request_id) && each.includes('on fire'))
      expect(line, 'in the log').toBeDefined()
    }
  })

  it('is none when the database is merely busy: 503, and when to come back', async () => {
    const { world, breakNow } = await brokenWorld(new DatabaseBusy('another process holds the database'))
    breakNow()
    const body = { email: 'a@example.com', password: 'Correct-Horse-7' }
    const answer = await world.call('POST', '/api/token/', { body })
    expect(answer).toMatchObject({ status: 503, body: { code: 'overloaded' } })
    expect(answer.headers['retry-after']).toMatch(/^[1-9]\d*$/)
    expect(answer.text).not.toContain('another process')
    const line = world
      .logged()
      .split('\n')
      .find((each) => each.includes('another process'))
    expect(JSON.parse(line!)).toMatchObject({ level: 40, code: 'overloaded', msg: 'refused' })
    expect(line, 'a line, and no stack, since a flood brings thousands').not.toContain('stack')
  })
})
