import { expect, it } from 'vitest'
import { listen, send } from '../../test/raw.ts'
import { createWorld } from '../../test/world.ts'

const CLOSE = 'Connection: close\r\n\r\n'

const badRequest = (why: string) => ({
  status: 400,
  headers: { 'content-type': 'application/problem+json' },
  body: { code: 'bad_request', detail: why },
})

it.each([
  ['two Hosts', `GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n${CLOSE}`],
  ['two different Hosts', `GET /healthz HTTP/1.1\r\nHost: localhost\r\nhOsT: other.example\r\n${CLOSE}`],
  ['no Host', `GET /healthz HTTP/1.1\r\n${CLOSE}`],
  ['an empty Host', `GET /healthz HTTP/1.1\r\nHost:\r\n${CLOSE}`],
  ['a blank Host', `GET /healthz HTTP/1.1\r\nHost:   \r\n${CLOSE}`],
  ['an empty Host in HTTP/1.0', `GET /healthz HTTP/1.0\r\nHost:\r\n${CLOSE}`],
  ['two Hosts in HTTP/1.0', `GET /healthz HTTP/1.0\r\nHost: a\r\nHost: b\r\n${CLOSE}`],
  ['a Host with a path', `GET /healthz HTTP/1.1\r\nHost: localhost/x\r\n${CLOSE}`],
  ['a Host with a user', `GET /healthz HTTP/1.1\r\nHost: localhost@evil.example\r\n${CLOSE}`],
  ['a Host with a scheme', `GET /healthz HTTP/1.1\r\nHost: http://localhost\r\n${CLOSE}`],
  ['a Host with a space', `GET /healthz HTTP/1.1\r\nHost: local host\r\n${CLOSE}`],
  ['a Host of two names', `GET /healthz HTTP/1.1\r\nHost: localhost, evil.example/\r\n${CLOSE}`],
  ['a Host with a word for a port', `GET /healthz HTTP/1.1\r\nHost: localhost:http\r\n${CLOSE}`],
  ['a Host with an open bracket', `GET /healthz HTTP/1.1\r\nHost: [::1\r\n${CLOSE}`],
  ['a Host with quotes', `GET /healthz HTTP/1.1\r\nHost: "localhost"\r\n${CLOSE}`],
  ['an absolute-form target', `GET http://localhost/healthz HTTP/1.1\r\nHost: localhost\r\n${CLOSE}`],
  ['an absolute-form target elsewhere', `GET http://evil.example/healthz HTTP/1.1\r\nHost: localhost\r\n${CLOSE}`],
  ['an asterisk', `OPTIONS * HTTP/1.1\r\nHost: localhost\r\n${CLOSE}`],
  ['an HTTP/2.0 that is none', `GET /healthz HTTP/2.0\r\nHost: localhost\r\n${CLOSE}`],
  ['an HTTP/0.9 line', 'GET /healthz\r\n\r\n'],
])('refuses %s', async (_, bytes) => {
  const port = await listen(await createWorld())
  const answers = await send(port, bytes)
  expect(answers).toHaveLength(1)
  expect(answers[0]).toMatchObject(badRequest('The request could not be understood.'))
  expect(answers[0]!.body.type).toMatch(/^http:\/\/localhost(:\d+)?\/errors\/bad_request\/$/)
})

it.each([
  ['a name', 'localhost'],
  ['a name and a port', 'localhost:8000'],
  ['an empty port', 'localhost:'],
  ['a final dot', 'localhost.'],
  ['another name, which is never echoed', 'evil.example'],
  ['an IPv4 address', '127.0.0.1:8000'],
  ['an IPv6 address', '[::1]:8000'],
  ['an underscore', 'my_service:8000'],
  ['an escape', 'a%20b'],
])('answers a Host that is %s', async (_, host) => {
  const port = await listen(await createWorld())
  const [answer] = await send(port, `GET /healthz HTTP/1.1\r\nHost: ${host}\r\n${CLOSE}`)
  expect(answer).toMatchObject({ status: 200, body: { status: 'alive' } })
})

it('answers HTTP/1.0, which has no Host', async () => {
  const port = await listen(await createWorld())
  const [answer] = await send(port, 'GET /healthz HTTP/1.0\r\n\r\n')
  expect(answer).toMatchObject({ status: 200, headers: { connection: 'close' } })
})

it('answers an upgrade it does not know as if it had not been asked for', async () => {
  const port = await listen(await createWorld())
  const upgrade = 'Connection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n'
  const [answer] = await send(port, `GET /healthz HTTP/1.1\r\nHost: localhost\r\n${upgrade}`)
  expect(answer).toMatchObject({ status: 200, body: { status: 'alive' } })
})

it('opens no tunnel', async () => {
  const port = await listen(await createWorld())
  expect(await send(port, `CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n${CLOSE}`)).toEqual([])
})

it('reads a body of GET as nobody asked for it, and the request after it all the same', async () => {
  const port = await listen(await createWorld())
  const get = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n'
  const answers = await send(port, `${get}Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello${get}${CLOSE}`)
  expect(answers.map(({ status }) => status)).toEqual([200, 200])
})
