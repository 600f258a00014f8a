import { describe, expect, it } from 'vitest'
import { UNLIMITED } from '../../../test/unlimited.ts'
import { inTurn, readToken, sessionOf } from '../../../test/wire.ts'
import { type Answer, createWorld, type World } from '../../../test/world.ts'
import { days, type Duration, hours, milliseconds, minutes, seconds } from '../../kernel/duration.ts'

const refresh = (world: World, token: string) => world.call('POST', '/api/token/refresh/', { body: { refresh: token } })

const me = async (world: World, token: string) => (await world.call('GET', '/api/users/me/', { token })).status

const no = ({ status, body }: Answer) => [status, body.detail, body.code]
const EXPIRED = [401, 'Token is expired', 'token_not_valid']
const BLACKLISTED = [401, 'Token is blacklisted', 'token_not_valid']

describe('refreshing', () => {
  it('answers a new access token and the successor, in this order and nothing else', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    const answer = await refresh(world, user.refresh)
    expect(answer.status).toBe(200)
    expect(answer.text).toMatch(/^\{"access":"[\w.-]+","refresh":"[\w.-]+"\}$/)
    expect(answer.headers['cache-control']).toBe('no-store')
    expect(answer.body.refresh).not.toBe(user.refresh)
    expect(await me(world, answer.body.access)).toBe(200)
    expect(await me(world, user.access)).toBe(200)
  })

  it('gives the same successor byte for byte and a new access token each time', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    const [first, second] = await inTurn(2, () => {
      world.clock.turn(seconds(7))
      return refresh(world, user.refresh)
    })
    expect(second?.body.refresh).toBe(first?.body.refresh)
    expect(second?.body.access).not.toBe(first?.body.access)
  })

  it('keeps the session, its fixed end and the moment of the sign-in', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    world.clock.turn(hours(5))
    const { access, refresh: successor } = (await refresh(world, user.refresh)).body
    const [before, after] = [readToken(user.access).payload, readToken(access).payload]
    for (const claim of ['sid', 'sub', 'iss', 'aud', 'auth_time', 'acr', 'amr'])
      expect(after[claim]).toEqual(before[claim])
    expect(after['iat']).toBe(Number(before['iat']) + 5 * 3600)
    const [old, fresh] = [readToken(user.refresh).payload, readToken(successor).payload]
    expect(fresh['exp']).toBe(old['exp'])
    expect(fresh['iat']).toBe(Number(old['iat']) + 5 * 3600)
    expect(fresh['jti']).not.toBe(old['jti'])
  })

  it('ignores Authorization', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    const headers = { authorization: 'Bearer junk' }
    const answer = await world.call('POST', '/api/token/refresh/', { body: { refresh: user.refresh }, headers })
    expect(answer.status).toBe(200)
  })

  it.each([
    [{}, 'This field is required.'],
    [{ refresh: '' }, 'This field may not be blank.'],
    [{ refresh: null }, 'This field may not be null.'],
    [{ refresh: 5 }, 'Not a valid string.'],
  ])('names what is wrong with %j', async (body, fault) => {
    const world = await createWorld()
    const answer = await world.call('POST', '/api/token/refresh/', { body })
    expect([answer.status, answer.body.refresh]).toEqual([400, [fault]])
  })

  it('refuses what is no refresh token of ours', async () => {
    const world = await createWorld()
    const [user, foreigner] = [await world.signedInUser(), await (await createWorld()).signedInUser()]
    const [head, payload, signature] = user.refresh.split('.')
    const none = Buffer.from('{"alg":"none","typ":"rt+jwt"}').toString('base64url')
    const invalid = [401, 'Token is invalid', 'token_not_valid']
    const forged = [`${none}.${payload}.`, `${head}.${payload}.${signature}=`, `${user.refresh}\n`, ` ${user.refresh}`]
    for (const token of ['junk', foreigner.refresh, ...forged]) expect(no(await refresh(world, token))).toEqual(invalid)
    const wrongType = [401, 'Token has wrong type', 'token_not_valid']
    expect(no(await refresh(world, user.access))).toEqual(wrongType)
    world.clock.turn(minutes(15))
    expect(no(await refresh(world, user.access))).toEqual(EXPIRED)
  })

  it('refuses once the user is deactivated or deleted', async () => {
    const world = await createWorld()
    const [closed, deleted] = [await world.signedInUser(), await world.signedInUser()]
    const { db } = world.latchkey.foundation
    await db.updateTable('users').set({ deactivatedAt: world.clock.now() }).where('id', '=', closed.id).execute()
    expect(no(await refresh(world, closed.refresh))).toEqual(BLACKLISTED)
    const gone = await world.call('DELETE', '/api/users/me/', { token: deleted.access })
    expect(gone.status).toBe(204)
    expect(no(await refresh(world, deleted.refresh))).toEqual(BLACKLISTED)
  })

  it('is sixty a minute for a session, others not slowed by it', async () => {
    const world = await createWorld()
    const [user, other] = [await world.signedInUser(), await world.signedInUser()]
    await inTurn(60, () => refresh(world, user.refresh))
    expect((await refresh(world, user.refresh)).status).toBe(429)
    expect((await refresh(world, other.refresh)).status).toBe(200)
  })
})

describe('a client that never takes the new refresh token', () => {
  it('goes on with its first to the session’s fixed end', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const user = await world.signedInUser()
    for (let day = 1; day < 30; day++) {
      world.clock.turn(days(1))
      const answer = await refresh(world, user.refresh)
      expect(answer.status, `day ${day}`).toBe(200)
      expect(await me(world, answer.body.access)).toBe(200)
    }
    world.clock.turn((days(1) - 1) as Duration)
    expect((await refresh(world, user.refresh)).status).toBe(200)
    world.clock.turn(milliseconds(1))
    expect(no(await refresh(world, user.refresh))).toEqual(EXPIRED)
  })

  it('has made itself known as one by no use of a successor; after one the session is strict', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    const { refresh: second } = (await refresh(world, user.refresh)).body
    const { refresh: third } = (await refresh(world, second)).body
    world.clock.turn(seconds(61))
    // The second's successor is unused, but the grace is over: no longer "for as long as no successor was ever used".
    expect(no(await refresh(world, second))).toEqual(BLACKLISTED)
    expect(no(await refresh(world, third))).toEqual(BLACKLISTED)
  })
})

describe('the idle end', () => {
  it('is seven days after the last use, and then the token is expired and the session no more', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    world.clock.turn((days(7) - 1) as Duration)
    const { refresh: second } = (await refresh(world, user.refresh)).body
    world.clock.turn((days(7) - 1) as Duration)
    expect((await refresh(world, second)).status).toBe(200)
    world.clock.turn(days(7))
    expect(no(await refresh(world, second))).toEqual(EXPIRED)
  })

  it('is moved by repeats too', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    await refresh(world, user.refresh)
    for (const _ of [1, 2, 3]) {
      world.clock.turn(days(6))
      expect((await refresh(world, user.refresh)).status).toBe(200)
    }
    world.clock.turn(days(7))
    expect(no(await refresh(world, user.refresh))).toEqual(EXPIRED)
  })

  it('is moved by nothing that is refused', async () => {
    const world = await createWorld({ settings: { REFRESH_ROTATION: 'on' } })
    const user = await world.signedInUser()
    const before = await sessionOf(world, user.refresh)
    world.clock.turn(days(3))
    await refresh(world, user.access)
    expect(await sessionOf(world, user.refresh)).toEqual(before)
  })

  it('lies no later than the fixed end', async () => {
    const world = await createWorld({ settings: { REFRESH_TOKEN_LIFETIME: '2d', REFRESH_IDLE_LIFETIME: '36h' } })
    const user = await world.signedInUser()
    world.clock.turn(days(1))
    await refresh(world, user.refresh)
    const session = await sessionOf(world, user.refresh)
    expect(session?.idleExpiresAt).toEqual(session?.expiresAt)
  })
})

it('goes on when the clock is set back', async () => {
  const world = await createWorld()
  const user = await world.signedInUser()
  world.clock.turn(hours(-3))
  const { refresh: second } = (await refresh(world, user.refresh)).body
  const answer = await refresh(world, second)
  expect(answer.status).toBe(200)
  expect(await me(world, answer.body.access)).toBe(200)
})
