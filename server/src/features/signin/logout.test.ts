import { describe, expect, it } from 'vitest'
import { sessionOf } from '../../../test/wire.ts'
import { type Answer, createWorld, type World } from '../../../test/world.ts'
import { days, minutes } from '../../kernel/duration.ts'

const logout = (world: World, token: string | undefined, refresh?: unknown) =>
  world.call('POST', '/api/logout/', { ...(token !== undefined && { token }), body: { refresh } })

const refresh = (world: World, token: string) => world.call('POST', '/api/token/refresh/', { body: { refresh: token } })
const me = async (world: World, token: string) => (await world.call('GET', '/api/users/me/', { token })).status

const OUT = '{"status":"You have logged out"}'

function expectRefused({ status, body }: Answer): void {
  expect([status, body.status, body.code]).toEqual([400, 'Token is Invalid', 'refresh_token_invalid'])
}

describe('logging out', () => {
  it('ends the session at once, with every access and refresh token of it', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    const next = (await refresh(world, user.refresh)).body
    const out = await logout(world, user.access, next.refresh)
    expect([out.status, out.text]).toEqual([200, OUT])
    expect([await me(world, user.access), await me(world, next.access)]).toEqual([401, 401])
    for (const token of [user.refresh, next.refresh]) {
      const answer = await refresh(world, token)
      expect([answer.status, answer.body.detail]).toEqual([401, 'Token is blacklisted'])
    }
    expect(await sessionOf(world, user.refresh)).toMatchObject({ endReason: 'logout', endedAt: world.clock.now() })
  })

  it('takes a refresh token that was rotated out', async () => {
    const world = await createWorld({ settings: { REFRESH_ROTATION: 'on' } })
    const user = await world.signedInUser()
    const second = (await refresh(world, user.refresh)).body.refresh
    const third = (await refresh(world, second)).body.refresh
    expect((await logout(world, user.access, user.refresh)).text).toBe(OUT)
    expect((await refresh(world, third)).status).toBe(401)
  })

  it('ends another session of the caller’s, and leaves this one', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    const other = (await world.signIn(user)).body
    expect((await logout(world, user.access, other.refresh)).text).toBe(OUT)
    expect([await me(world, user.access), await me(world, other.access)]).toEqual([200, 401])
  })

  it('is done once: the same token again is no session’s', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    const other = (await world.signIn(user)).body
    await logout(world, user.access, other.refresh)
    expectRefused(await logout(world, user.access, other.refresh))
    await logout(world, user.access, user.refresh)
    const again = await logout(world, user.access, user.refresh)
    expect([again.status, again.body.code]).toEqual([401, 'token_not_valid'])
  })

  it('does not end the session of another user', async () => {
    const world = await createWorld()
    const [user, other] = [await world.signedInUser(), await world.signedInUser()]
    const admin = await world.admin()
    for (const { access } of [user, admin]) expectRefused(await logout(world, access, other.refresh))
    expect([await me(world, other.access), (await refresh(world, other.refresh)).status]).toEqual([200, 200])
  })

  it('refuses what is no refresh token of ours', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    const foreigner = await (await createWorld()).signedInUser()
    for (const token of ['junk', user.access, foreigner.refresh, ` ${user.refresh}`]) {
      expectRefused(await logout(world, user.access, token))
    }
    expect(await me(world, user.access)).toBe(200)
  })

  it('refuses one past its fixed end', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    world.clock.turn(days(30))
    const { access } = (await world.signIn(user)).body
    expectRefused(await logout(world, access, user.refresh))
  })

  it.each([
    [undefined, 'This field is required.'],
    ['', 'This field may not be blank.'],
    [null, 'This field may not be null.'],
    [1, 'Not a valid string.'],
  ])('names what is wrong with %j', async (token, fault) => {
    const world = await createWorld()
    const { access } = await world.signedInUser()
    const answer = await logout(world, access, token)
    expect([answer.status, answer.body.refresh]).toEqual([400, [fault]])
    expect(await me(world, access)).toBe(200)
  })

  it('needs a live access token, whatever the refresh token', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    const anonymous = await logout(world, undefined, user.refresh)
    expect([anonymous.status, anonymous.body.code]).toEqual([401, 'not_authenticated'])
    world.clock.turn(minutes(15))
    expect((await logout(world, user.access, user.refresh)).status).toBe(401)
    expect((await refresh(world, user.refresh)).status).toBe(200)
  })
})
