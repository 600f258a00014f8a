import { expect, it } from 'vitest'
import { listen, send } from '../../test/raw.ts'
import { type Answer, createWorld, type World } from '../../test/world.ts'

/** Answers of every kind: success, each class of failure, pages, documents. */
async function answersOf(world: World): Promise<Record<string, Answer>> {
  const user = await world.signedInUser()
  const { access: token } = user
  const text = { 'content-type': 'text/plain' }
  return {
    'sign-in': await world.signIn(user),
    refresh: await world.call('POST', '/api/token/refresh/', { body: { refresh: user.refresh } }),
    me: await world.call('GET', '/api/users/me/', { token }),
    registered: await world.call('POST', '/api/users/', { body: { email: 'b@example.com', password: user.password } }),
    options: await world.call('OPTIONS', '/api/users/'),
    health: await world.call('GET', '/healthz'),
    400: await world.call('POST', '/api/token/', { body: {} }),
    401: await world.call('GET', '/api/users/'),
    403: await world.call('GET', '/api/users/', { token }),
    404: await world.call('GET', '/nothing/'),
    405: await world.call('GET', '/api/token/'),
    413: await world.call('POST', '/api/token/', { body: { email: 'a'.repeat(20_000) } }),
    415: await world.call('POST', '/api/token/', { body: {}, headers: text }),
    'bad path': await world.call('GET', '/%zz'),
    document: await world.call('GET', '/api/schema/'),
    docs: await world.call('GET', '/api/schema/ui/'),
    redoc: await world.call('GET', '/api/schema/redoc/'),
    'error page': await world.call('GET', '/errors/invalid/'),
    inbox: await world.call('GET', '/dev/inbox/'),
    deleted: await world.call('DELETE', '/api/users/me/', { token }),
  }
}

it('guards every answer by the same headers', async () => {
  for (const [kind, { headers }] of Object.entries(await answersOf(await createWorld()))) {
    expect(headers['content-security-policy'], kind).toContain("default-src 'none'")
    expect(headers['content-security-policy'], kind).toContain("frame-ancestors 'none'")
    expect(headers, kind).toMatchObject({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' })
    expect(headers['x-request-id'], kind).toMatch(/^req_[0-9a-z]+$/)
  }
})

it('sets no cookie, names no software and keeps no https while there is none', async () => {
  for (const [kind, { headers }] of Object.entries(await answersOf(await createWorld())))
    for (const name of ['set-cookie', 'x-powered-by', 'server', 'strict-transport-security'])
      expect(headers[name], `${name} of ${kind}`).toBeUndefined()
})

it('keeps browsers on https once PUBLIC_URL is https, in every answer', async () => {
  const world = await createWorld({ settings: { PUBLIC_URL: 'https://auth.example.com' } })
  const { inbox: _, ...answers } = await answersOf(world)
  for (const [kind, { headers }] of Object.entries(answers))
    expect(headers['strict-transport-security'], kind).toMatch(/^max-age=\d{8,}/)
})

it('keeps tokens, users and problems out of every cache', async () => {
  const { document: _, ...answers } = await answersOf(await createWorld())
  for (const [kind, { headers }] of Object.entries(answers)) expect(headers['cache-control'], kind).toBe('no-store')
})

it('guards answers to broken requests too', async () => {
  const port = await listen(await createWorld())
  for (const bytes of [
    'nonsense\r\n\r\n',
    'GET / HTTP/1.1\r\n\r\n',
    `GET / HTTP/1.1\r\nX: ${'a'.repeat(17_000)}\r\n\r\n`,
  ]) {
    const [answer] = await send(port, bytes, 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n')
    expect(answer!.headers).toMatchObject({
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
      'x-request-id': answer!.body.request_id,
    })
  }
})
