import { expect, it } from 'vitest'
import { createWorld, type World } from '../../test/world.ts'

const ORIGIN = 'https://app.example.com'
const settings = { CORS_ORIGINS: `${ORIGIN},http://localhost:3000` }

const preflight = (world: World, path: string, method: string, origin = ORIGIN) =>
  world.call('OPTIONS', path, {
    headers: {
      origin,
      'access-control-request-method': method,
      'access-control-request-headers': 'authorization, content-type, accept-language, idempotency-key, proof-of-work',
    },
  })

const ROUTES = [
  ['/api/users/', ['GET', 'POST']],
  ['/api/users/me/', ['GET', 'PUT', 'PATCH', 'DELETE']],
  ['/api/users/1/', ['GET', 'PUT', 'PATCH', 'DELETE']],
  ['/api/token/', ['POST']],
  ['/api/token/refresh/', ['POST']],
  ['/api/token/verify/', ['POST']],
  ['/api/logout/', ['POST']],
  ['/api/otp/send/', ['POST']],
  ['/api/otp/verify/', ['POST']],
  ['/api/token', ['POST']],
] as const

it('lets a listed origin ask for every route and method', async () => {
  const world = await createWorld({ settings })
  for (const [path, methods] of ROUTES) {
    for (const method of methods) {
      const { status, headers } = await preflight(world, path, method)
      expect([path, status, headers['access-control-allow-origin']]).toEqual([path, 204, ORIGIN])
      expect(headers['access-control-allow-methods']).toContain(method)
      const allowed = String(headers['access-control-allow-headers']).toLowerCase()
      for (const name of ['authorization', 'content-type', 'accept-language', 'idempotency-key', 'proof-of-work'])
        expect(allowed).toContain(name)
      expect(headers['access-control-allow-credentials']).toBeUndefined()
    }
  }
})

it('lets a page read every answer, refusals too, and the headers it needs', async () => {
  const world = await createWorld({ settings: { ...settings, THROTTLE_LOGIN: '3/min' } })
  const { access: token } = await world.signedInUser()
  const origin = { origin: ORIGIN }
  const credentials = { email: 'no@example.com', password: 'Nobody-99' }
  const answers = [
    [200, await world.call('GET', '/api/users/me/', { token, headers: origin })],
    [400, await world.call('POST', '/api/token/verify/', { body: {}, headers: origin })],
    [401, await world.call('GET', '/api/users/me/', { headers: origin })],
    [401, await world.call('GET', '/api/users/me/', { token: 'x', headers: origin })],
    [403, await world.call('GET', '/api/users/', { token, headers: origin })],
    [404, await world.call('GET', '/nothing/', { headers: origin })],
    [405, await world.call('GET', '/api/token/', { headers: origin })],
    [413, await world.call('POST', '/api/token/verify/', { body: { token: 'a'.repeat(20_000) }, headers: origin })],
    [
      415,
      await world.call('POST', '/api/token/verify/', {
        body: {},
        headers: { ...origin, 'content-type': 'text/plain' },
      }),
    ],
    [401, await world.call('POST', '/api/token/', { body: credentials, headers: origin })],
    [401, await world.call('POST', '/api/token/', { body: credentials, headers: origin })],
    [429, await world.call('POST', '/api/token/', { body: credentials, headers: origin })],
  ] as const
  for (const [expected, { status, headers }] of answers) {
    expect([status, headers['access-control-allow-origin'], headers['vary']]).toEqual([expected, ORIGIN, 'Origin'])
    const exposed = String(headers['access-control-expose-headers']).toLowerCase()
    for (const name of ['location', 'retry-after', 'ratelimit', 'x-request-id', 'idempotent-replayed'])
      expect(exposed).toContain(name)
  }
})

it.each([
  'https://evil.example',
  'http://app.example.com',
  'https://app.example.com:444',
  'https://app.example.com.evil.org',
  'https://app.example.com/',
  'https://sub.app.example.com',
  'null',
  'undefined',
  '*',
])('gives the origin %s nothing, and answers it as anyone without a browser', async (origin) => {
  const world = await createWorld({ settings })
  const answers = [
    await preflight(world, '/api/token/', 'POST', origin),
    await world.call('GET', '/healthz', { headers: { origin } }),
  ]
  for (const { status, headers } of answers) {
    expect(status).toBe(200)
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([])
    expect(headers['vary']).toBe('Origin')
  }
})

it('opens to no page at all unless told to', async () => {
  const { headers } = await (
    await createWorld()
  ).call('GET', '/healthz', { headers: { origin: 'http://localhost:3000' } })
  expect(headers['access-control-allow-origin']).toBeUndefined()
})

it('opens to every page by `*` outside production, but the inbox to none', async () => {
  const world = await createWorld({ settings: { CORS_ORIGINS: '*' } })
  const headers = { origin: 'https://anything.example' }
  const open = await world.call('GET', '/healthz', { headers })
  expect(open.headers['access-control-allow-origin']).toBe('https://anything.example')
  const inbox = await world.call('GET', '/dev/inbox/messages/', { headers })
  expect(inbox.headers['access-control-allow-origin']).toBeUndefined()
})

it('answers a preflight before it asks for credentials, and counts it nowhere', async () => {
  const world = await createWorld({ settings: { ...settings, THROTTLE_ANON: '1/min', THROTTLE_USER: '1/min' } })
  for (let asked = 0; asked < 5; asked++) expect((await preflight(world, '/api/users/me/', 'GET')).status).toBe(204)
})
