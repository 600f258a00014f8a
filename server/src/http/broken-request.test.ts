import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { everything, listen, send } from '../../test/raw.ts'
import { createWorld } from '../../test/world.ts'

const GET = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n'
const CLOSE = 'Connection: close\r\n\r\n'
const POST = 'POST /api/token/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n'

const BROKEN: readonly (readonly [what: string, bytes: string])[] = [
  ['a TLS greeting', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n'],
  ['words', 'hello there\r\n\r\n'],
  ['an unknown method', `FOO /healthz HTTP/1.1\r\nHost: localhost\r\n${CLOSE}`],
  ['a method in lower case', `get /healthz HTTP/1.1\r\nHost: localhost\r\n${CLOSE}`],
  ['a version that is none', `GET /healthz HTTP/1.2\r\nHost: localhost\r\n${CLOSE}`],
  ['a space in the path', `GET /heal thz HTTP/1.1\r\nHost: localhost\r\n${CLOSE}`],
  ['a byte past ASCII in the path', `GET /\xe9 HTTP/1.1\r\nHost: localhost\r\n${CLOSE}`],
  ['bare line feeds', 'GET /healthz HTTP/1.1\nHost: localhost\n\n'],
  ['a folded header', `${GET}X: a\r\n b\r\n${CLOSE}`],
  ['a space before a colon', `GET /healthz HTTP/1.1\r\nHost : localhost\r\n${CLOSE}`],
  ['a header without a name', `${GET}: x\r\n${CLOSE}`],
  ['a NUL in a header', `${GET}X: a\0b\r\n${CLOSE}`],
  ['a length that is no number', `${POST}Content-Length: two\r\n\r\n{}`],
  ['a negative length', `${POST}Content-Length: -2\r\n\r\n{}`],
  ['a signed length', `${POST}Content-Length: +2\r\n\r\n{}`],
  ['a hexadecimal length', `${POST}Content-Length: 0x2\r\n\r\n{}`],
  ['a length past all', `${POST}Content-Length: 99999999999999999999999\r\n\r\n{}`],
  ['two lengths', `${POST}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`],
  ['two lengths in one', `${POST}Content-Length: 2, 3\r\n\r\n{}`],
  ['a length and chunks', `${POST}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  ['chunks and a length', `${POST}Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n`],
  ['a transfer encoding that is none', `${POST}Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n`],
  ['an identity transfer encoding', `${POST}Transfer-Encoding: identity\r\n\r\n{}`],
  ['chunks that are not last', `${POST}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n`],
  ['a chunked in disguise', `${POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`],
  ['a chunk without a size', `${POST}Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n`],
  ['a chunk longer than it says', `${POST}Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n`],
]

it('answers what is no HTTP with one whole problem and ends the connection', async () => {
  const port = await listen(await createWorld())
  for (const [what, bytes] of BROKEN) {
    const answers = await send(port, Buffer.from(bytes, 'latin1'))
    expect([what, answers.map(({ status }) => status)]).toEqual([what, [400]])
    const { headers, body } = answers[0]!
    expect([what, headers['content-type'], body.code]).toEqual([what, 'application/problem+json', 'bad_request'])
  }
})

it('tells in it whatever a problem tells', async () => {
  const settings = { PUBLIC_URL: 'https://auth.example.com', DEFAULT_LANGUAGE: 'fa' }
  const world = await createWorld({ settings })
  const [answer] = await send(await listen(world), 'hello there\r\n\r\n')
  expect(Object.keys(answer!.body)).toEqual(['type', 'title', 'detail', 'code', 'request_id'])
  expect(answer!.body.type).toBe('https://auth.example.com/errors/bad_request/')
  expect(answer!.body.title).toMatch(/\p{Script=Arabic}/u)
  expect(answer!.headers).toMatchObject({
    'x-request-id': answer!.body.request_id,
    'content-language': 'fa',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'strict-transport-security': 'max-age=31536000',
    connection: 'close',
  })
  expect(world.logged()).toContain(answer!.body.request_id)
})

it.each([
  ['a header', `${GET}X: ${'a'.repeat(17_000)}\r\n${CLOSE}`],
  [
    'many headers',
    `${GET}${Array.from({ length: 900 }, (_, index) => `X-${index}: ${'a'.repeat(20)}\r\n`).join('')}${CLOSE}`,
  ],
  ['a path', `GET /healthz?${'a'.repeat(17_000)} HTTP/1.1\r\nHost: localhost\r\n${CLOSE}`],
])('refuses %s past 16 KiB with 431', async (_, bytes) => {
  const port = await listen(await createWorld())
  expect(await send(port, bytes)).toMatchObject([
    { status: 431, headers: { 'content-type': 'application/problem+json' }, body: { code: 'headers_too_large' } },
  ])
})

it('refuses a body past 16 KiB with 413, whether or not its length is told', async () => {
  const port = await listen(await createWorld())
  const body = `{"email":"${'a'.repeat(16 * 1024)}"}`
  const bodies = [
    `Content-Length: ${body.length}\r\n${CLOSE}${body}`,
    `Content-Length: ${body.length}\r\n${CLOSE}`, // told, and never sent
    `Transfer-Encoding: chunked\r\n${CLOSE}${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
    `Transfer-Encoding: chunked\r\n${CLOSE}${`10\r\n${' '.repeat(16)}\r\n`.repeat(1100)}0\r\n\r\n`,
  ]
  for (const each of bodies) {
    expect(await send(port, POST + each)).toMatchObject([{ status: 413, body: { code: 'request_too_large' } }])
  }
})

it('takes a body of 16 KiB', async () => {
  const port = await listen(await createWorld())
  const body = `{"token":"${'a'.repeat(16 * 1024 - 12)}"}`
  const head = `POST /api/token/verify/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n`
  const [answer] = await send(port, `${head}Content-Length: ${body.length}\r\n${CLOSE}${body}`)
  expect(answer).toMatchObject({ status: 401, body: { code: 'token_not_valid' } })
})

describe('a client that takes forever', () => {
  it('has 10 seconds for its headers and 15 for a request', async () => {
    const { latchkey } = await createWorld()
    expect(latchkey.app.server).toMatchObject({ headersTimeout: 10_000, requestTimeout: 15_000, timeout: 60_000 })
  })

  it.each([
    ['headers', 'GET /healthz HTTP/1.1\r\nHost: loc'],
    ['a body', `${POST}Content-Length: 100\r\n\r\n{"email":`],
    ['chunks', `${POST}Transfer-Encoding: chunked\r\n\r\n5\r\n{"a":\r\n`],
  ])('is told so with 408 when it is %s that do not come', async (_, bytes) => {
    const world = await createWorld()
    const port = await listen(world)
    Object.assign(world.latchkey.app.server, { headersTimeout: 50, requestTimeout: 50 })
    const answers = await send(port, bytes)
    expect(answers).toMatchObject([{ status: 408, body: { code: 'request_timeout' } }])
  })
})

it('does nothing with a body cut in the middle, and serves the next client', async () => {
  const world = await createWorld()
  const port = await listen(world)
  const body = '{"email":"cut@example.com","password":"Correct-Horse-7"}'
  const head = 'POST /api/users/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n'
  for (const cut of [10, body.length - 1]) {
    const socket = connect(port, '127.0.0.1')
    socket.end(`${head}Content-Length: ${body.length}\r\n\r\n${body.slice(0, cut)}`)
    await everything(socket)
  }
  const users = await world.latchkey.foundation.db.selectFrom('users').select('id').execute()
  expect(users).toEqual([])
  expect(await send(port, `${GET}${CLOSE}`)).toMatchObject([{ status: 200 }])
  expect(world.logged()).not.toMatch(/"level":(50|60)/)
})

it('takes bytes past the length told for a request of their own', async () => {
  const port = await listen(await createWorld())
  const answers = await send(port, `${POST}Content-Length: 2\r\n\r\n{}garbage\r\n\r\n`)
  expect(answers.at(-1)).toMatchObject({ status: 400, body: { code: 'bad_request' } })
  expect(answers.length).toBeLessThanOrEqual(2)
})

it('answers requests sent without waiting in their order', async () => {
  const port = await listen(await createWorld())
  const answers = await send(
    port,
    `${GET}\r\n${POST}Content-Length: 2\r\n\r\n{}GET /nothing/ HTTP/1.1\r\nHost: a\r\n\r\n${GET}${CLOSE}`,
  )
  expect(answers.map(({ status }) => status)).toEqual([200, 400, 404, 200])
})

it('goes on when asked to by Expect, and does not mind an Expect it does not know', async () => {
  const port = await listen(await createWorld())
  const asking = `${POST}Content-Length: 2\r\nExpect: 100-continue\r\n${CLOSE}`
  expect((await send(port, asking, '{}')).map(({ status }) => status)).toEqual([100, 400])
  const other = `${POST}Content-Length: 2\r\nExpect: 200-ok\r\n${CLOSE}{}`
  expect(await send(port, other)).toMatchObject([{ status: 400, body: { code: 'invalid' } }])
})

it('answers a thousand requests on one connection, tells the client to close it then, and serves no more', async () => {
  const world = await createWorld()
  const port = await listen(world)
  expect(world.latchkey.app.server.maxRequestsPerSocket).toBe(1000)
  world.latchkey.app.server.maxRequestsPerSocket = 3 // the proof is the same
  const answers = await send(port, `${GET}\r\n`.repeat(3), `${GET}${CLOSE}`)
  // Node's own 503 comes in chunks, of which only the head is looked at.
  expect(answers.slice(0, 4).map(({ status, headers }) => [status, headers['connection']])).toEqual([
    [200, 'keep-alive'],
    [200, 'keep-alive'],
    [200, 'close'],
    [503, 'close'],
  ])
})
