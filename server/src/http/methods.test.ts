import { METHODS } from 'node:http'
import { expect, it } from 'vitest'
import { listen, send } from '../../test/raw.ts'
import { createWorld } from '../../test/world.ts'

const ROUTES: readonly (readonly [path: string, allow: string])[] = [
  ['/api/users/', 'GET, HEAD, OPTIONS, POST'],
  ['/api/users/me/', 'DELETE, GET, HEAD, OPTIONS, PATCH, PUT'],
  ['/api/users/1/', 'DELETE, GET, HEAD, OPTIONS, PATCH, PUT'],
  ['/api/token/', 'OPTIONS, POST'],
  ['/api/token/refresh/', 'OPTIONS, POST'],
  ['/api/token/verify/', 'OPTIONS, POST'],
  ['/api/logout/', 'OPTIONS, POST'],
  ['/api/otp/send/', 'OPTIONS, POST'],
  ['/api/otp/verify/', 'OPTIONS, POST'],
  ['/.well-known/jwks.json', 'GET, HEAD, OPTIONS'],
  ['/api/schema/', 'GET, HEAD, OPTIONS'],
  ['/api/schema/ui/', 'GET, HEAD, OPTIONS'],
  ['/api/schema/redoc/', 'GET, HEAD, OPTIONS'],
  ['/errors/invalid/', 'GET, HEAD, OPTIONS'],
  ['/healthz', 'GET, HEAD, OPTIONS'],
  ['/readyz', 'GET, HEAD, OPTIONS'],
  ['/dev/inbox/', 'GET, HEAD, OPTIONS'],
  ['/dev/inbox/messages/', 'GET, HEAD, OPTIONS'],
]

it('answers 405 with Allow to every method that a path lacks', async () => {
  const port = await listen(await createWorld())
  for (const [path, allow] of ROUTES) {
    const missing = METHODS.filter((method) => method !== 'CONNECT' && !allow.split(', ').includes(method))
    for (const method of missing) {
      const [answer] = await send(port, `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)
      expect([method, path, answer?.status, answer?.headers['allow']]).toEqual([method, path, 405, allow])
      if (method === 'HEAD') continue
      expect(answer!.body).toMatchObject({ code: 'method_not_allowed', detail: `Method "${method}" not allowed.` })
    }
  }
})

it('tells a missing method before it looks at the body or the credentials', async () => {
  const world = await createWorld()
  const headers = { 'content-type': 'text/plain', authorization: 'Bearer nonsense' }
  expect((await world.call('PUT', '/api/token/', { body: 'x', headers })).status).toBe(405)
})

it('tells the same on a path without its final slash', async () => {
  const world = await createWorld()
  expect(await world.call('GET', '/api/token')).toMatchObject({ status: 405, headers: { allow: 'OPTIONS, POST' } })
})

it('answers OPTIONS as DRF does, to anyone', async () => {
  const world = await createWorld()
  for (const [path, allow] of ROUTES) {
    const answer = await world.call('OPTIONS', path)
    expect([path, answer.status, answer.headers['allow']]).toEqual([path, 200, allow])
    expect(answer.body).toMatchObject({ renders: ['application/json'], parses: ['application/json'] })
  }
})

it('answers HEAD as GET without the body', async () => {
  const world = await createWorld()
  const [got, head] = [await world.call('GET', '/healthz'), await world.call('HEAD', '/healthz')]
  expect([head.status, head.text, head.headers['content-type']]).toEqual([200, '', got.headers['content-type']])
  expect((await world.call('HEAD', '/nothing/')).status).toBe(404)
  expect((await world.call('HEAD', '/api/users/me/')).status).toBe(401)
})

it('finds nothing at an unknown path, by whatever method, body and credentials', async () => {
  const port = await listen(await createWorld())
  const body = 'Content-Type: text/plain\r\nAuthorization: Bearer x\r\nContent-Length: 2\r\n\r\nhi'
  for (const method of METHODS.filter((each) => !['CONNECT', 'HEAD', 'OPTIONS'].includes(each))) {
    const [answer] = await send(port, `${method} /nothing/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${body}`)
    expect([method, answer?.status, answer?.body.code]).toEqual([method, 404, 'not_found'])
  }
})
