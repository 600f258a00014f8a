import { describe, expect, it } from 'vitest'
import { UNLIMITED } from '../../test/unlimited.ts'
import { type Answer, createWorld, PASSWORD, type World } from '../../test/world.ts'

const QUOTA = 5

/** Each scope alone, so that no other refuses first. */
const only = (scope: string, rate = `${QUOTA}/hour`) => ({ ...UNLIMITED, [`THROTTLE_${scope}`]: rate })

type Ask = (index: number) => Promise<Answer>

/** One way to use up each scope. Every request is one that passes but for the throttle. */
const SCOPES: readonly (readonly [scope: string, policy: string, ask: (world: World) => Promise<Ask>])[] = [
  ['ANON', 'anon', async (world) => () => world.call('POST', '/api/users/', { body: {} })],
  [
    'USER',
    'user',
    async (world) => {
      const { access: token } = await world.signedInUser()
      return () => world.call('GET', '/api/users/me/', { token })
    },
  ],
  [
    'LOGIN',
    'login',
    async (world) => (index) =>
      world.call('POST', '/api/token/', { body: { email: `nobody${index}@example.com`, password: PASSWORD } }),
  ],
  ['REGISTER', 'register', async (world) => () => world.call('POST', '/api/users/', { body: {} })],
  [
    'REFRESH',
    'refresh',
    async (world) => {
      const { refresh } = await world.signedInUser()
      return () => world.call('POST', '/api/token/refresh/', { body: { refresh } })
    },
  ],
  [
    'OTP_SEND',
    'otp_send',
    async (world) => {
      const { access: token } = await world.signedInUser()
      return () => world.call('POST', '/api/otp/send/', { token, body: { email_or_phone: 'phone' } })
    },
  ],
  [
    'OTP_VERIFY',
    'otp_verify',
    async (world) => {
      const { access: token } = await world.signedInUser()
      return () => world.call('POST', '/api/otp/verify/', { token, body: { code: 100_000 } })
    },
  ],
]

describe.each(SCOPES)('THROTTLE_%s', (scope, policy, prepare) => {
  it('lets its quota pass and refuses the next, with when to come back', async () => {
    const world = await createWorld({ settings: only(scope) })
    const ask = await prepare(world)
    const passed = []
    for (let index = 0; index < QUOTA; index++) passed.push((await ask(index)).status)
    expect(passed).not.toContain(429)
    const { status, headers, body } = await ask(QUOTA)
    expect([status, body.code]).toEqual([429, 'throttled'])
    const seconds = Number(headers['retry-after'])
    expect(headers['retry-after']).toMatch(/^[1-9]\d*$/)
    expect(seconds).toBeLessThanOrEqual(3600)
    expect(body.detail).toBe(`Request was throttled. Expected available in ${seconds} seconds.`)
    expect(headers['ratelimit-policy']).toBe(`"${policy}";q=${QUOTA};w=3600`)
    expect(headers['ratelimit']).toBe(`"${policy}";r=0;t=${seconds}`)
  })

  it('lets exactly its quota pass of twenty at once', async () => {
    const world = await createWorld({ settings: only(scope) })
    const ask = await prepare(world)
    const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => ask(index)))
    expect(answers.filter(({ status }) => status !== 429)).toHaveLength(QUOTA)
  })

  it('refuses nothing when it is off', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const ask = await prepare(world)
    const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => ask(index)))
    expect(answers.map(({ status }) => status)).not.toContain(429)
  })
})

describe('what is counted apart', () => {
  const fail = (world: World, from: string) =>
    world.call('POST', '/api/token/', { from, body: { email: 'nobody@example.com', password: PASSWORD } })

  it('is each address', async () => {
    const world = await createWorld({ settings: only('LOGIN', '1/hour') })
    const statuses = []
    for (const from of ['203.0.113.1', '203.0.113.1', '203.0.113.2', '::ffff:203.0.113.2'])
      statuses.push((await fail(world, from)).status)
    expect(statuses).toEqual([401, 429, 401, 429])
  })

  it('is each /64 of IPv6', async () => {
    const world = await createWorld({ settings: only('LOGIN', '1/hour') })
    const statuses = []
    for (const from of ['2001:db8:1:1::1', '2001:db8:1:1:ffff::2', '2001:db8:1:2::1'])
      statuses.push((await fail(world, from)).status)
    expect(statuses).toEqual([401, 429, 401])
  })

  it('is each user, wherever from and by whichever session', async () => {
    const world = await createWorld({ settings: only('USER', '2/hour') })
    const [one, other] = [await world.signedInUser(), await world.signedInUser()]
    const again = (await world.signIn(one)).body.access
    const me = async (token: string, from: string) =>
      (await world.call('GET', '/api/users/me/', { token, from })).status
    expect([await me(one.access, '203.0.113.1'), await me(again, '203.0.113.2')]).toEqual([200, 200])
    expect([await me(one.access, '203.0.113.3'), await me(other.access, '203.0.113.1')]).toEqual([429, 200])
  })

  it('is each session that refreshes, whoever asks from wherever', async () => {
    const world = await createWorld({ settings: only('REFRESH', '1/hour') })
    const user = await world.signedInUser()
    const other = (await world.signIn(user)).body.refresh
    const refresh = async (token: string) =>
      (await world.call('POST', '/api/token/refresh/', { body: { refresh: token } })).status
    expect([await refresh(user.refresh), await refresh(user.refresh), await refresh(other)]).toEqual([200, 429, 200])
  })

  it('is each scope: a full one closes no other', async () => {
    const world = await createWorld({ settings: only('LOGIN', '1/hour') })
    const user = await world.signedInUser()
    expect((await world.signIn({ ...user, email: 'stranger@example.com' })).status).toBe(429)
    expect((await world.call('GET', '/api/users/me/', { token: user.access })).status).toBe(200)
    expect((await world.call('POST', '/api/token/refresh/', { body: { refresh: user.refresh } })).status).toBe(200)
  })
})

describe('what is never throttled', () => {
  const strictest = Object.fromEntries(Object.keys(UNLIMITED).map((name) => [name, '1/day']))

  it.each([
    '/healthz',
    '/readyz',
    '/.well-known/jwks.json',
    '/nothing/',
    '/dev/inbox/',
    '/api/schema/',
    '/api/schema/ui/',
    '/api/schema/redoc/',
    '/errors/throttled/',
  ])('%s', async (path) => {
    const world = await createWorld({ settings: strictest })
    const statuses = new Set<number>()
    for (let asked = 0; asked < 5; asked++) statuses.add((await world.call('GET', path)).status)
    expect(statuses.size).toBe(1)
    expect([...statuses]).not.toContain(429)
  })

  it('verifying a token', async () => {
    const world = await createWorld({ settings: { ...strictest, THROTTLE_LOGIN: 'off', THROTTLE_REGISTER: 'off' } })
    for (let asked = 0; asked < 5; asked++) {
      const { status } = await world.call('POST', '/api/token/verify/', { body: { token: 'x' } })
      expect(status).toBe(401)
    }
  })
})

it('gives nothing back for a success', async () => {
  const world = await createWorld({ settings: only('LOGIN', '2/hour') })
  const user = await world.signedInUser()
  const stranger = { ...user, email: 'stranger@example.com' }
  expect([(await world.signIn(user)).status, (await world.signIn(stranger)).status]).toEqual([200, 429])
})
