import { describe, expect, it } from 'vitest'
import { RIGHT, said } from '../../../test/codes.ts'
import { succeeded } from '../../../test/factors.ts'
import { beginSignIn, codeOf, fortified, meBy, passByApp, recordOf } from '../../../test/second-step.ts'
import { UNLIMITED } from '../../../test/unlimited.ts'
import { createWorld, type World } from '../../../test/world.ts'
import { minutes } from '../../kernel/duration.ts'

const logout = (world: World, token: string, refresh: string) =>
  world.call('POST', '/api/logout/', { token, body: { refresh } })

const INVALID = [400, 'Token is Invalid', 'refresh_token_invalid']

describe('logging out in the second step', () => {
  it('gives the sign-in up: its tokens are good for nothing any more', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const { user, nextAppCode } = await fortified(world)
    const candidate = await beginSignIn(world, user)
    const out = await logout(world, candidate.access, candidate.refresh)
    expect([out.status, out.text]).toEqual([200, '{"status":"You have logged out"}'])
    expect(codeOf(await passByApp(world, candidate, nextAppCode()))).toEqual([401, 'token_not_valid'])
    expect(codeOf(await logout(world, candidate.access, candidate.refresh))).toEqual([401, 'token_not_valid'])
    expect((await recordOf(world, user.id)).at(-1)).toBe('logged_out {"second_step":true}')
  })

  it('ends no other sign-in and no session', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const { user, nextAppCode } = await fortified(world)
    const [one, other] = [await beginSignIn(world, user), await beginSignIn(world, user)]
    for (const refresh of [other.refresh, user.refresh, 'junk']) {
      expect(said(await logout(world, one.access, refresh))).toEqual(INVALID)
    }
    expect(await meBy(world, user.access)).toEqual([200, undefined])
    expect(said(await passByApp(world, other, nextAppCode()))).toEqual(RIGHT)
  })

  it('is nobody else’s: neither another user’s nor that of a session', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const { user, nextAppCode } = await fortified(world)
    const other = await world.signedInUser()
    const candidate = await beginSignIn(world, user)
    for (const token of [other.access, user.access]) {
      expect(said(await logout(world, token, candidate.refresh))).toEqual(INVALID)
    }
    expect(said(await passByApp(world, candidate, nextAppCode()))).toEqual(RIGHT)
  })

  it('is refused once the step has succeeded: the session stays', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const { user, nextAppCode } = await fortified(world)
    const candidate = await beginSignIn(world, user)
    const { body: session } = succeeded(await passByApp(world, candidate, nextAppCode()))
    expect(codeOf(await logout(world, candidate.access, candidate.refresh))).toEqual([401, 'token_not_valid'])
    expect(said(await logout(world, session.access, candidate.refresh))).toEqual(INVALID)
    expect(await meBy(world, session.access)).toEqual([200, undefined])
  })

  it('names a refresh token that is missing, and takes none past its end', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const { user } = await fortified(world)
    const { access, refresh } = await beginSignIn(world, user)
    const missing = await world.call('POST', '/api/logout/', { token: access, body: {} })
    expect([missing.status, missing.body.refresh]).toEqual([400, ['This field is required.']])
    world.clock.turn(minutes(10))
    expect(codeOf(await logout(world, access, refresh))).toEqual([401, 'token_not_valid'])
  })
})
