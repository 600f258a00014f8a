import { describe, expect, it } from 'vitest'
import { readToken, sessionIdOf } from '../../../test/wire.ts'
import { type Answer, createWorld, type World } from '../../../test/world.ts'
import { minutes, seconds } from '../../kernel/duration.ts'

const withHeader = (world: World, authorization: string) =>
  world.call('GET', '/api/users/me/', { headers: { authorization } })

const me = (world: World, token: string) => withHeader(world, `Bearer ${token}`)

function expectBadToken({ status, headers, body }: Answer, message: string): void {
  expect(status).toBe(401)
  expect(headers['www-authenticate']).toBe('Bearer realm="api"')
  expect(headers['content-type']).toMatch(/^application\/problem\+json/)
  expect(body).toMatchObject({
    detail: 'Given token not valid for any token type',
    code: 'token_not_valid',
    messages: [{ token_class: 'AccessToken', token_type: 'access', message }],
  })
}

const no = ({ status, body, headers }: Answer) => [status, body.detail, body.code, headers['www-authenticate']]
const REALM = 'Bearer realm="api"'

describe('a request', () => {
  it('without credentials is told so, as is one with another scheme', async () => {
    const world = await createWorld()
    const { access } = await world.signedInUser()
    const missing = [401, 'Authentication credentials were not provided.', 'not_authenticated', REALM]
    expect(no(await world.call('GET', '/api/users/me/'))).toEqual(missing)
    for (const header of ['Basic abc', `Token ${access}`, access, '', 'Bearerx y']) {
      expect(no(await withHeader(world, header)), header).toEqual(missing)
    }
  })

  it('with a header of one part or three is told how it should be', async () => {
    const world = await createWorld()
    const { access } = await world.signedInUser()
    const text = 'Authorization header must contain two space-delimited values'
    for (const header of ['Bearer', 'Bearer ', `Bearer ${access} x`, 'bearer']) {
      expect(no(await withHeader(world, header)), header).toEqual([401, text, 'bad_authorization_header', REALM])
    }
  })

  it('may write the scheme in any case', async () => {
    const world = await createWorld()
    const { access } = await world.signedInUser()
    for (const scheme of ['bearer', 'BEARER', 'Bearer ']) {
      expect((await withHeader(world, `${scheme} ${access}`)).status).toBe(200)
    }
  })

  it('with a bad token is refused where none is needed, but for what ignores it', async () => {
    const world = await createWorld()
    const headers = { authorization: 'Bearer junk' }
    const body = { email: 'a@example.com', password: 'Correct-Horse-7' }
    expect((await world.call('POST', '/api/users/', { headers, body })).status).toBe(401)
    expect((await world.call('GET', '/healthz', { headers })).status).toBe(200)
    expect((await world.call('GET', '/.well-known/jwks.json', { headers })).status).toBe(200)
  })
})

describe('an access token', () => {
  it('is invalid when it is not ours or was changed', async () => {
    const world = await createWorld()
    const { access } = await world.signedInUser()
    const foreigner = await (await createWorld()).signedInUser()
    const [head, payload, signature] = access.split('.')
    const claims = { ...readToken(access).payload, sub: '2', user_id: '2' }
    const changed = Buffer.from(JSON.stringify(claims)).toString('base64url')
    const none = Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')
    const tokens = ['x', 'a.b.c', foreigner.access, `${head}.${changed}.${signature}`, `${none}.${payload}.`]
    for (const token of tokens) expectBadToken(await me(world, token), 'Token is invalid')
  })

  it('is expired after fifteen minutes, to the second', async () => {
    const world = await createWorld()
    const { access } = await world.signedInUser()
    world.clock.turn(seconds(899))
    expect((await me(world, access)).status).toBe(200)
    world.clock.turn(seconds(1))
    expectBadToken(await me(world, access), 'Token is expired')
  })

  it('is of the wrong type when it is a refresh token', async () => {
    const world = await createWorld()
    const { refresh } = await world.signedInUser()
    expectBadToken(await me(world, refresh), 'Token has wrong type')
  })

  it('is refused as soon as its session has ended, by whatever, or its row is gone', async () => {
    const world = await createWorld()
    const [ended, removed] = [await world.signedInUser(), await world.signedInUser()]
    const { db } = world.latchkey.foundation
    expect((await me(world, ended.access)).status).toBe(200)
    const end = { endedAt: world.clock.now(), endReason: 'ended_by_operator' }
    await db.updateTable('sessions').set(end).where('id', '=', sessionIdOf(ended.access)).execute()
    await db.deleteFrom('sessions').where('id', '=', sessionIdOf(removed.access)).execute()
    for (const { access } of [ended, removed]) expectBadToken(await me(world, access), 'Token is blacklisted')
  })

  it('is refused at its session’s fixed end, though younger than fifteen minutes', async () => {
    const world = await createWorld({ settings: { REFRESH_TOKEN_LIFETIME: '10m' } })
    const { access } = await world.signedInUser()
    world.clock.turn(minutes(10))
    expectBadToken(await me(world, access), 'Token is expired')
  })

  it('of a deleted user finds no user, of a deactivated one an inactive one', async () => {
    const world = await createWorld()
    const [closed, deleted] = [await world.signedInUser(), await world.signedInUser()]
    const { db } = world.latchkey.foundation
    await db.updateTable('users').set({ deactivatedAt: world.clock.now() }).where('id', '=', closed.id).execute()
    await world.call('DELETE', '/api/users/me/', { token: deleted.access })
    expect(no(await me(world, deleted.access))).toEqual([401, 'User not found', 'user_not_found', REALM])
    expect(no(await me(world, closed.access))).toEqual([401, 'User is inactive', 'user_inactive', REALM])
  })

  it('of a deleted user never becomes another’s (invariant I9)', async () => {
    const world = await createWorld()
    const gone = await world.signedInUser()
    await world.call('DELETE', '/api/users/me/', { token: gone.access })
    const next = await world.signedInUser(gone.email)
    expect(next.id).toBe(gone.id + 1)
    expect((await me(world, gone.access)).body.code).toBe('user_not_found')
    expect((await world.call('GET', `/api/users/${next.id}/`, { token: gone.access })).status).toBe(401)
  })

  it('speaks for its user alone, even with the session of another', async () => {
    const world = await createWorld()
    const [mine, yours] = [await world.signedInUser(), await world.signedInUser()]
    const { db } = world.latchkey.foundation
    // As if a signing key's holder had named a session that is not this user's.
    const stolen = { userId: yours.id }
    await db.updateTable('sessions').set(stolen).where('id', '=', sessionIdOf(mine.access)).execute()
    expectBadToken(await me(world, mine.access), 'Token is blacklisted')
  })
})

it('says what is wrong in the client’s language, the codes never translated', async () => {
  const world = await createWorld()
  const headers = { authorization: 'Bearer junk', 'accept-language': 'fa-IR' }
  const { body } = await world.call('GET', '/api/users/me/', { headers })
  expect(body.code).toBe('token_not_valid')
  expect(body.messages[0]).toMatchObject({ token_class: 'AccessToken', token_type: 'access' })
  expect(body.messages[0].message).toMatch(/[\u0600-\u06ff]/)
})
