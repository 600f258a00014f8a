import { expect, it } from 'vitest'
import { listen, send } from '../../test/raw.ts'
import { createWorld } from '../../test/world.ts'

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`

it.each([
  ['GET', '/api/users/'],
  ['GET', '/api/users/me/'],
  ['GET', '/api/users/1/'],
  ['POST', '/api/token/'],
  ['POST', '/api/token/refresh/'],
  ['POST', '/api/token/verify/'],
  ['POST', '/api/logout/'],
  ['POST', '/api/otp/send/'],
  ['POST', '/api/otp/verify/'],
  ['GET', '/healthz'],
] as const)('answers %s %s alike with and without the final slash, by no redirect', async (method, path) => {
  const world = await createWorld()
  const bare = path.replace(/\/$/, '')
  const [without, slashed] = [await world.call(method, bare), await world.call(method, `${bare}/`)]
  expect(without.status).not.toBe(404)
  expect(without.status).toBeLessThan(500)
  expect([301, 302, 303, 307, 308]).not.toContain(without.status)
  expect({ ...without.body, request_id: 0 }).toEqual({ ...slashed.body, request_id: 0 })
  expect(without.status).toBe(slashed.status)
})

const ODD_PATHS: readonly (readonly [path: string, status: number])[] = [
  ['//api/users/', 404],
  ['/api//users/', 404],
  ['/api/users//', 401],
  ['/healthz//', 404],
  ['/./healthz', 404],
  ['/api/./users/', 404],
  ['/api/../healthz', 404],
  ['/api/users/../../healthz', 404],
  ['/api/users/%2e%2e/', 401],
  ['/..%2f..%2fetc%2fpasswd', 404],
  ['/api%2Fusers/', 404],
  ['/api/users%2f', 404],
  ['/API/users/', 404],
  ['/api/Users/', 404],
  ['/Healthz', 404],
  ['/%61pi/users/', 401],
  ['/api/users/%2F/', 401],
  ['/api/users/%00/', 401],
  ['/healthz%00', 404],
  ['/healthz%20', 404],
  ['/healthz;a=b', 404],
  ['/healthz\\', 404],
  ['/api/users/%zz/', 400],
  ['/api/users/%', 400],
  ['/%', 400],
  ['/api/users/%c0%af/', 400],
  ['/api/users/%ff/', 400],
  ['/api/users/%ED%A0%80/', 400],
  [`/api/users/${'a'.repeat(199)}/`, 401],
  [`/api/users/${'a'.repeat(300)}/`, 404],
  ['/favicon.ico', 404],
  ['/nothing/', 404],
  ['/api/', 404],
]

it('answers whatever a path holds with a whole problem', async () => {
  const port = await listen(await createWorld())
  for (const [path, status] of ODD_PATHS) {
    const [answer] = await send(port, get(path))
    expect([path, answer?.status, answer?.headers['content-type']]).toEqual([path, status, 'application/problem+json'])
    expect(answer!.headers['x-request-id']).toBe(answer!.body.request_id)
    expect(answer!.headers['content-security-policy']).toContain("default-src 'none'")
  }
})

it.each([
  '/api/users/?limit=%zz',
  '/api/users/?%ff=%ff',
  '/api/users/?limit=1&limit=2',
  '/api/users/?a[b]=c',
  '/api/users/?__proto__=1',
])('lists users whatever else a query holds: %s', async (path) => {
  const world = await createWorld()
  const admin = await world.admin()
  expect((await world.call('GET', path, { token: admin.access })).status).toBe(200)
})

const STRANGE_IDS = [
  '0',
  '01',
  '1.0',
  '+1',
  ' 1',
  '1e0',
  '0x1',
  '-1',
  '%31%20',
  '1%00',
  '۱',
  'NaN',
  '999999999999999999999',
  'constructor',
]

it('finds nobody under a strange id: 404 for an admin, 403 for anyone else', async () => {
  const world = await createWorld()
  const [admin, user] = [await world.admin(), await world.signedInUser()]
  for (const id of STRANGE_IDS) {
    const path = `/api/users/${encodeURI(id)}/`
    const statuses = [
      await world.call('GET', path, { token: admin.access }),
      await world.call('GET', path, { token: user.access }),
    ]
    expect([id, ...statuses.map(({ status }) => status)]).toEqual([id, 404, 403])
  }
})
