import { expect, it } from 'vitest'
import { postBytes } from '../../test/post.ts'
import { listen, send } from '../../test/raw.ts'
import { UNLIMITED } from '../../test/unlimited.ts'
import { createWorld } from '../../test/world.ts'

const BODY = '{"email":"sara@example.com","password":"Correct-Horse-7"}'

it.each([
  'application/json',
  'Application/JSON',
  'application/json; charset=utf-8',
  'application/json;charset=UTF-8',
  'application/json; charset="utf-8"',
  'application/json ; charset=utf-8',
  'application/json;',
])('takes %s', async (type) => {
  const world = await createWorld()
  expect((await postBytes(world, '/api/users/', BODY, { 'content-type': type })).status).toBe(201)
})

const REFUSED = [
  'text/plain',
  'text/plain; charset=utf-8',
  'text/json',
  'text/html',
  'text/xml',
  'application/xml',
  'application/x-www-form-urlencoded',
  'multipart/form-data',
  'multipart/form-data; boundary=x',
  'application/octet-stream',
  'application/javascript',
  'application/jsonp',
  'application/json-seq',
  'application/x-json',
  'application/ld+json',
  'application/problem+json',
  'application/vnd.api+json',
  'application/merge-patch+json',
  'application/json; charset=utf-16',
  'application/json; charset=utf-16le',
  'application/json; charset=iso-8859-1',
  'application/json; charset=windows-1256',
  'application/json; charset=us-ascii',
  'application/json; charset=',
  'application/json; boundary=x',
  'application/json, text/plain',
  'text/plain; application/json',
  'application/*',
  '*/*',
  'json',
  'application',
  'application/',
  '/json',
  ';',
  'application/json\u00e9',
]

it('refuses every other type with a 415 that names it', async () => {
  const world = await createWorld({ settings: UNLIMITED })
  for (const type of REFUSED) {
    const { status, body } = await postBytes(world, '/api/users/', BODY, { 'content-type': type })
    expect([status, body.code]).toEqual([415, 'unsupported_media_type'])
    expect(body.detail).toBe(`Unsupported media type "${type}" in request.`)
  }
})

it.each(['gzip', 'br', 'deflate', 'compress', 'gzip, identity', 'utf-8', 'x'])(
  'refuses the content encoding %s',
  async (encoding) => {
    const world = await createWorld()
    const headers = { 'content-type': 'application/json', 'content-encoding': encoding }
    const { status, body } = await postBytes(world, '/api/users/', BODY, headers)
    expect([status, body.code]).toEqual([415, 'unsupported_media_type'])
  },
)

it('takes the content encoding that is none', async () => {
  const world = await createWorld()
  const headers = { 'content-type': 'application/json', 'content-encoding': 'identity' }
  expect((await postBytes(world, '/api/users/', BODY, headers)).status).toBe(201)
})

it('refuses a body of no type', async () => {
  const world = await createWorld()
  const { status, body } = await postBytes(world, '/api/users/', BODY, {})
  expect([status, body.code]).toEqual([415, 'unsupported_media_type'])
})

it('refuses a body of a wrong type before it is sent', async () => {
  const world = await createWorld()
  const port = await listen(world)
  const [answer] = await send(
    port,
    'POST /api/users/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\n',
  )
  expect(answer).toMatchObject({ status: 415, body: { code: 'unsupported_media_type' } })
})

it('asks no type of what has no body', async () => {
  const world = await createWorld()
  const user = await world.signedInUser()
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  expect((await world.call('GET', '/api/users/me/', { token: user.access, headers: form })).status).toBe(200)
  expect((await world.call('DELETE', '/api/users/me/', { token: user.access, headers: form })).status).toBe(204)
})

it('asks for credentials before it asks for a type', async () => {
  const world = await createWorld()
  const { status } = await postBytes(world, '/api/otp/send/', 'x', { 'content-type': 'text/plain' })
  expect(status).toBe(401)
})
