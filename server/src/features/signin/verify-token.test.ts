import { describe, expect, it } from 'vitest'
import { sessionOf } from '../../../test/wire.ts'
import { type Answer, createWorld, type World } from '../../../test/world.ts'
import { days, hours, minutes, seconds } from '../../kernel/duration.ts'

const verify = (world: World, token: unknown) => world.call('POST', '/api/token/verify/', { body: { token } })
const refresh = (world: World, token: string) => world.call('POST', '/api/token/refresh/', { body: { refresh: token } })
const logout = (world: World, user: { access: string; refresh: string }) =>
  world.call('POST', '/api/logout/', { token: user.access, body: { refresh: user.refresh } })

const no = ({ status, body }: Answer) => [status, body.detail, body.code]
const INVALID = [401, 'Token is invalid', 'token_not_valid']
const EXPIRED = [401, 'Token is expired', 'token_not_valid']

function expectBlacklisted({ status, body }: Answer): void {
  expect([status, body.non_field_errors, body.code]).toEqual([400, ['Token is blacklisted'], 'token_blacklisted'])
}

describe('a live token', () => {
  it('is told to be one, access or refresh, by an empty object and nothing changed', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    const before = await sessionOf(world, user.refresh)
    world.clock.turn(minutes(5))
    for (const token of [user.access, user.refresh]) {
      const answer = await verify(world, token)
      expect([answer.status, answer.text]).toEqual([200, '{}'])
    }
    expect(await sessionOf(world, user.refresh)).toEqual(before)
  })

  it('is a rotated-out one too while it would still be taken', async () => {
    const world = await createWorld({ settings: { REFRESH_ROTATION: 'on' } })
    const user = await world.signedInUser()
    await refresh(world, user.refresh)
    expect((await verify(world, user.refresh)).status).toBe(200)
    world.clock.turn(seconds(61))
    expectBlacklisted(await verify(world, user.refresh))
  })

  it('needs no bearer token and minds none', async () => {
    const world = await createWorld()
    const { access } = await world.signedInUser()
    const headers = { authorization: 'Bearer junk' }
    const answer = await world.call('POST', '/api/token/verify/', { body: { token: access }, headers })
    expect(answer.status).toBe(200)
  })
})

describe('a dead token', () => {
  it('of an ended session is blacklisted as refresh, invalid as access', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    await logout(world, user)
    expectBlacklisted(await verify(world, user.refresh))
    expect(no(await verify(world, user.access))).toEqual(INVALID)
  })

  it('that was rotated out of use does not end the session by being asked about', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    const second = (await refresh(world, user.refresh)).body.refresh
    const third = (await refresh(world, second)).body.refresh
    const before = await sessionOf(world, third)
    expectBlacklisted(await verify(world, user.refresh))
    expect(await sessionOf(world, third)).toEqual(before)
    expect((await refresh(world, third)).status).toBe(200)
    expect(await world.inbox(user.email)).toEqual([])
  })

  it('of a user who is deactivated or deleted is blacklisted as refresh, invalid as access', async () => {
    const world = await createWorld()
    const [closed, deleted] = [await world.signedInUser(), await world.signedInUser()]
    const deactivated = { deactivatedAt: world.clock.now() }
    await world.latchkey.foundation.db.updateTable('users').set(deactivated).where('id', '=', closed.id).execute()
    await world.call('DELETE', '/api/users/me/', { token: deleted.access })
    for (const user of [closed, deleted]) {
      expectBlacklisted(await verify(world, user.refresh))
      expect(no(await verify(world, user.access))).toEqual(INVALID)
    }
  })

  it('is expired at its end: access after 15 minutes, refresh after 7 idle days and after 30 in all', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    world.clock.turn(minutes(15))
    expect(no(await verify(world, user.access))).toEqual(EXPIRED)
    expect((await verify(world, user.refresh)).status).toBe(200)
    world.clock.turn(days(7))
    expect(no(await verify(world, user.refresh))).toEqual(EXPIRED)
    world.clock.turn(days(23))
    expect(no(await verify(world, user.refresh))).toEqual(EXPIRED)
  })

  it('is what is no token of ours', async () => {
    const world = await createWorld()
    const foreigner = await (await createWorld()).signedInUser()
    const { access } = await world.signedInUser()
    for (const token of ['junk', 'a.b.c', foreigner.access, foreigner.refresh, `${access}x`, `${access}\n`]) {
      expect(no(await verify(world, token)), token).toEqual(INVALID)
    }
  })

  it('is refused no differently after hours of not being asked about', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    await verify(world, user.access)
    await logout(world, user)
    expect(no(await verify(world, user.access))).toEqual(INVALID)
    world.clock.turn(hours(1))
    expect(no(await verify(world, user.access))).toEqual(EXPIRED)
  })
})

it.each([
  [undefined, 'This field is required.'],
  ['', 'This field may not be blank.'],
  [null, 'This field may not be null.'],
  [7, 'Not a valid string.'],
])('names what is wrong with %j', async (token, fault) => {
  const world = await createWorld()
  const answer = await verify(world, token)
  expect([answer.status, answer.body.token]).toEqual([400, [fault]])
})
