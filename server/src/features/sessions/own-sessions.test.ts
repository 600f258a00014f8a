import { describe, expect, it } from 'vitest'
import { codeFor, verifyCode } from '../../../test/codes.ts'
import { verifiedUser, withTwoFactors } from '../../../test/factors.ts'
import { createSharedWorld } from '../../../test/other-process.ts'
import { UNLIMITED } from '../../../test/unlimited.ts'
import { atOnce, sameButForItsId, sessionIdOf, sessionOf, statuses } from '../../../test/wire.ts'
import { createWorld, PASSWORD, type SignedIn, type World } from '../../../test/world.ts'
import { days, minutes } from '../../kernel/duration.ts'

type Tokens = Pick<SignedIn, 'access'>

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0'

const list = (world: World, { access: token }: Tokens) => world.call('GET', '/api/sessions/', { token })
const end = (world: World, { access: token }: Tokens, id: string) =>
  world.call('DELETE', `/api/sessions/${id}/`, { token })
const endOthers = (world: World, { access: token }: Tokens) => world.call('DELETE', '/api/sessions/', { token })
const me = async (world: World, { access: token }: Tokens) =>
  (await world.call('GET', '/api/users/me/', { token })).status

const idsOf = async (world: World, user: Tokens): Promise<string[]> =>
  (await list(world, user)).body.results.map(({ id }: { id: string }) => id)

const signInFrom = async (world: World, email: string, from: string, userAgent = FIREFOX): Promise<SignedIn> => {
  const body = { email, password: PASSWORD }
  return (await world.call('POST', '/api/token/', { body, from, headers: { 'user-agent': userAgent } })).body
}

const events = (world: World, type: string) =>
  world.latchkey.foundation.db
    .selectFrom('auditEvents')
    .selectAll()
    .where('type', '=', type as never)
    .execute()

describe('the list of sessions', () => {
  it('says of each what signed in, from where, when, with what proof, and which one asks', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    const began = world.clock.now().toISOString()
    world.clock.turn(minutes(5))
    const laptop = await signInFrom(world, user.email, '203.0.113.7')
    const now = world.clock.now().toISOString()
    const { status, body } = await list(world, laptop)
    expect([status, body]).toEqual([
      200,
      {
        results: [
          {
            id: sessionIdOf(laptop.refresh),
            device: 'Firefox on Linux',
            created_at: now,
            last_used_at: now,
            ip: '203.0.113.7',
            acr: 'aal1',
            amr: ['pwd'],
            current: true,
          },
          {
            id: sessionIdOf(user.refresh),
            device: expect.any(String),
            created_at: began,
            last_used_at: began,
            ip: '127.0.0.1',
            acr: 'aal1',
            amr: ['pwd'],
            current: false,
          },
        ],
      },
    ])
  })

  it('begins with the one used last, and counts a refresh as use', async () => {
    const world = await createWorld()
    const first = await world.signedInUser()
    world.clock.turn(minutes(1))
    const second = (await world.signIn(first)).body
    const [firstId, secondId] = [sessionIdOf(first.refresh), sessionIdOf(second.refresh)]
    expect(await idsOf(world, first)).toEqual([secondId, firstId])
    world.clock.turn(minutes(1))
    await world.call('POST', '/api/token/refresh/', { body: { refresh: first.refresh } })
    expect(await idsOf(world, first)).toEqual([firstId, secondId])
    const [newest] = (await list(world, first)).body.results
    expect(newest).toMatchObject({ last_used_at: world.clock.now().toISOString(), current: true })
  })

  it('says how far a session got', async () => {
    const world = await createWorld()
    const user = await verifiedUser(world)
    world.clock.turn(minutes(1))
    const again = { ...user, ...(await world.signIn(user)).body }
    await verifyCode(world, again, await codeFor(world, again))
    const [newest] = (await list(world, again)).body.results
    expect(newest).toMatchObject({ acr: 'aal2', amr: ['pwd', 'otp', 'mfa'] })
  })

  it('holds no session of another user, none that was ended and none past its idle or fixed end', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    await world.signedInUser()
    const out = (await world.signIn(user)).body
    await world.call('POST', '/api/logout/', { token: user.access, body: { refresh: out.refresh } })
    expect(await idsOf(world, user)).toEqual([sessionIdOf(user.refresh)])
    world.clock.turn(days(7))
    const today = (await world.signIn(user)).body
    expect(await idsOf(world, today)).toEqual([sessionIdOf(today.refresh)])
  })

  it('holds no sign-in that waits for its second step', async () => {
    const world = await createWorld()
    const user = await verifiedUser(world)
    await withTwoFactors(world, user)
    expect((await world.signIn(user)).body.second_factor.required).toBe(true)
    expect(await idsOf(world, user)).toEqual([sessionIdOf(user.refresh)])
  })

  it('is for who is signed in, and for nobody in a second step', async () => {
    const world = await createWorld()
    const user = await verifiedUser(world)
    await withTwoFactors(world, user)
    const waiting = (await world.signIn(user)).body
    expect((await world.call('GET', '/api/sessions/')).status).toBe(401)
    for (const answer of [await list(world, waiting), await endOthers(world, waiting)]) {
      expect([answer.status, answer.body.code]).toEqual([401, 'token_not_valid'])
    }
  })
})

describe('ending a session', () => {
  it('refuses its tokens at once, leaves the others alone and is put on record', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    const other = (await world.signIn(user)).body
    const id = sessionIdOf(other.refresh)
    const { status, text } = await end(world, user, id)
    expect([status, text]).toEqual([204, ''])
    expect([await me(world, other), await me(world, user)]).toEqual([401, 200])
    const refreshed = await world.call('POST', '/api/token/refresh/', { body: { refresh: other.refresh } })
    expect([refreshed.status, refreshed.body.detail]).toEqual([401, 'Token is blacklisted'])
    expect(await sessionOf(world, other.refresh)).toMatchObject({ endReason: 'ended_by_user' })
    expect(await events(world, 'session_ended')).toMatchObject([
      { userId: user.id, actor: 'user', actorId: user.id, result: 'success', details: JSON.stringify({ session: id }) },
    ])
  })

  it('may be the end of the one that asks', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    expect((await end(world, user, sessionIdOf(user.refresh))).status).toBe(204)
    expect(await me(world, user)).toBe(401)
  })

  it('finds none that is unknown, another user’s, over, or no id at all, and answers all alike', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    const stranger = await world.signedInUser()
    const admin = await world.admin()
    const out = (await world.signIn(user)).body
    await end(world, user, sessionIdOf(out.refresh))
    const none = await end(world, user, '019aa9c4-5d7e-7c3a-9b1f-2f60d1a7c8e5')
    expect([none.status, none.body.code]).toEqual([404, 'not_found'])
    const ids = [sessionIdOf(stranger.refresh), sessionIdOf(out.refresh), 'junk', '1', '%00', `${'0'.repeat(36)}`]
    for (const id of ids) expect(sameButForItsId(await end(world, user, id))).toEqual(sameButForItsId(none))
    expect((await end(world, admin, sessionIdOf(stranger.refresh))).status).toBe(404)
    expect(await me(world, stranger)).toBe(200)
    expect(await events(world, 'session_ended')).toHaveLength(1)
  })

  it('succeeds once of twenty times at once', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const user = await world.signedInUser()
    const other = (await world.signIn(user)).body
    const answers = await atOnce(20, () => end(world, user, sessionIdOf(other.refresh)))
    expect(statuses(answers)).toEqual({ 204: 1, 404: 19 })
    expect(await events(world, 'session_ended')).toHaveLength(1)
  })

  // Guard: `where endedAt is null` in `store.endOwn`. Seen failing (204, and the reason overwritten) without it.
  it('is not told again of one that another server has just ended', async () => {
    const { world, strike } = await createSharedWorld()
    const user = await world.signedInUser()
    const other = (await world.signIn(user)).body
    strike(`update sessions set ended_at = last_used_at, end_reason = 'logout' where generation = 0`)
    expect((await end(world, user, sessionIdOf(other.refresh))).status).toBe(404)
    expect(await sessionOf(world, other.refresh)).toMatchObject({ endReason: 'logout' })
    expect(await events(world, 'session_ended')).toEqual([])
  })
})

describe('ending all other sessions', () => {
  it('leaves the one that asks, and counts the others on record', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    const stranger = await world.signedInUser()
    const others = [(await world.signIn(user)).body, (await world.signIn(user)).body]
    const { status, text } = await endOthers(world, user)
    expect([status, text]).toEqual([204, ''])
    expect(await idsOf(world, user)).toEqual([sessionIdOf(user.refresh)])
    for (const other of others) expect(await me(world, other)).toBe(401)
    expect(await me(world, stranger)).toBe(200)
    expect(await events(world, 'sessions_ended')).toMatchObject([{ userId: user.id, details: '{"sessions":2}' }])
    expect((await endOthers(world, user)).status).toBe(204)
  })

  it('ends every sign-in that waits for its second step', async () => {
    const world = await createWorld()
    const user = await verifiedUser(world)
    const [code] = await withTwoFactors(world, user)
    const { access: token } = (await world.signIn(user)).body
    await endOthers(world, user)
    const step = await world.call('POST', '/api/recovery-codes/verify/', { token, body: { code } })
    expect([step.status, step.body.code]).toEqual([401, 'token_not_valid'])
  })
})

describe('on record stands', () => {
  it('a logout, once', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    const other = (await world.signIn(user)).body
    const logout = () => world.call('POST', '/api/logout/', { token: user.access, body: { refresh: other.refresh } })
    expect([(await logout()).status, (await logout()).status]).toEqual([200, 400])
    const details = JSON.stringify({ session: sessionIdOf(other.refresh) })
    expect(await events(world, 'logged_out')).toMatchObject([{ userId: user.id, actorId: user.id, details }])
  })

  it('the reuse of a refresh token, once, from where it came, by nobody known', async () => {
    const world = await createWorld({ settings: { REFRESH_ROTATION: 'on' } })
    const user = await world.signedInUser()
    const refresh = (token: string) =>
      world.call('POST', '/api/token/refresh/', { body: { refresh: token }, from: '203.0.113.9' })
    await refresh((await refresh(user.refresh)).body.refresh)
    world.clock.turn(minutes(2))
    expect([(await refresh(user.refresh)).status, (await refresh(user.refresh)).status]).toEqual([401, 401])
    const details = JSON.stringify({ session: sessionIdOf(user.refresh) })
    expect(await events(world, 'refresh_token_reused')).toMatchObject([
      { userId: user.id, actor: 'anonymous', actorId: null, result: 'failure', ip: '203.0.113.9', details },
    ])
  })
})
