import { describe, expect, it } from 'vitest'
import { UNLIMITED } from '../../test/unlimited.ts'
import { createWorld, PASSWORD } from '../../test/world.ts'

describe('what is refused before it is counted', () => {
  it('is a request without credentials, or with bad ones', async () => {
    const world = await createWorld({
      settings: { ...UNLIMITED, THROTTLE_ANON: '1/hour', THROTTLE_OTP_SEND: '1/hour' },
    })
    for (let asked = 0; asked < 5; asked++) {
      expect((await world.call('GET', '/api/users/me/')).status).toBe(401)
      expect((await world.call('POST', '/api/otp/send/', { token: 'x' })).status).toBe(401)
    }
  })

  it('is a request not allowed', async () => {
    const world = await createWorld({
      settings: { ...UNLIMITED, THROTTLE_USER: '1/hour', THROTTLE_REGISTER: '1/hour' },
    })
    const first = await world.signedInUser()
    for (let asked = 0; asked < 5; asked++) {
      expect((await world.call('GET', '/api/users/', { token: first.access })).status).toBe(403)
      expect((await world.call('POST', '/api/users/', { token: first.access, body: {} })).status).toBe(403)
    }
    expect((await world.call('GET', '/api/users/me/', { token: first.access })).status).toBe(200)
  })

  it('is a method that the path lacks', async () => {
    const world = await createWorld({ settings: { ...UNLIMITED, THROTTLE_ANON: '1/hour', THROTTLE_LOGIN: '1/hour' } })
    for (let asked = 0; asked < 5; asked++) expect((await world.call('GET', '/api/token/')).status).toBe(405)
  })
})

describe('the order of checks', () => {
  const settings = { ...UNLIMITED, THROTTLE_LOGIN: '1/hour', THROTTLE_OTP_VERIFY: '1/hour', THROTTLE_REFRESH: '1/hour' }

  it('asks the throttle by address and user before it reads the body', async () => {
    const world = await createWorld({ settings })
    const text = { 'content-type': 'text/plain' }
    expect((await world.call('POST', '/api/token/', { body: {}, headers: text })).status).toBe(415)
    expect((await world.call('POST', '/api/token/', { body: {}, headers: text })).status).toBe(429)
    expect((await world.call('POST', '/api/token/', { body: {} })).status).toBe(429)
  })

  it('reads the body before it asks the throttle by what the body names', async () => {
    const world = await createWorld({ settings: { ...settings, THROTTLE_LOGIN: 'off' } })
    const { refresh } = await world.signedInUser()
    const ask = async (body: unknown) => (await world.call('POST', '/api/token/refresh/', { body })).status
    expect([await ask({ refresh }), await ask({ refresh }), await ask({}), await ask({ refresh: 'x' })]).toEqual([
      200, 429, 400, 401,
    ])
  })

  it('asks a throttle before it looks at the state', async () => {
    const world = await createWorld({ settings: { ...settings, THROTTLE_LOGIN: 'off' } })
    const { access: token } = await world.signedInUser()
    const verify = async (code: unknown) =>
      (await world.call('POST', '/api/otp/verify/', { token, body: { code } })).status
    expect([await verify(100_000), await verify(100_000), await verify('x')]).toEqual([400, 429, 429])
  })

  it('asks for permission before the throttle, and for credentials before that', async () => {
    const world = await createWorld({ settings: { ...UNLIMITED, THROTTLE_USER: '1/hour' } })
    const { access: token } = await world.signedInUser()
    expect((await world.call('GET', '/api/users/me/', { token })).status).toBe(200)
    expect((await world.call('GET', '/api/users/me/', { token })).status).toBe(429)
    expect((await world.call('GET', '/api/users/', { token })).status).toBe(403)
    expect((await world.call('GET', '/api/users/me/')).status).toBe(401)
  })

  it('tells a state that forbids before the cooldown that would', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const user = await world.signedInUser()
    const send = (channel: string) =>
      world.call('POST', '/api/otp/send/', { token: user.access, body: { email_or_phone: channel } })
    expect((await send('email')).status).toBe(200)
    expect((await send('email')).status).toBe(429)
    const code = await world.codeTo(user.email)
    await world.call('POST', '/api/otp/verify/', { token: user.access, body: { code } })
    expect((await send('email')).body.status).toBe('User already is verified')
  })
})

describe('what is left', () => {
  it('is told to the signed-in on every answer, by every policy that counts there', async () => {
    const world = await createWorld()
    const { access: token } = await world.signedInUser()
    const me = await world.call('GET', '/api/users/me/', { token })
    expect(me.headers['ratelimit-policy']).toBe('"user";q=600;w=60')
    expect(me.headers['ratelimit']).toMatch(/^"user";r=599;t=([1-9]|[1-5]\d|60)$/)
    const send = await world.call('POST', '/api/otp/send/', { token, body: { email_or_phone: 'phone' } })
    expect(send.headers['ratelimit-policy']).toBe('"user";q=600;w=60, "otp_send";q=10;w=3600')
    expect(send.headers['ratelimit']).toMatch(/^"user";r=598;t=\d+, "otp_send";r=9;t=\d+$/)
  })

  it('is told to nobody else before he is refused', async () => {
    const world = await createWorld()
    const { headers } = await world.call('POST', '/api/token/', {
      body: { email: 'a@example.com', password: PASSWORD },
    })
    expect([headers['ratelimit'], headers['ratelimit-policy'], headers['retry-after']]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
  })

  it('is not told where nothing is counted', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const { access: token } = await world.signedInUser()
    expect((await world.call('GET', '/api/users/me/', { token })).headers['ratelimit']).toBeUndefined()
  })
})
