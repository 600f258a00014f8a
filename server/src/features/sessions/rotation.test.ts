import { describe, expect, it } from 'vitest'
import { UNLIMITED } from '../../../test/unlimited.ts'
import { inTurn, readToken, sessionOf } from '../../../test/wire.ts'
import { type Answer, createWorld, type SignedIn, type World } from '../../../test/world.ts'
import { days, milliseconds, minutes, seconds } from '../../kernel/duration.ts'

const STRICT = { REFRESH_ROTATION: 'on' }

const refresh = (world: World, token: string) => world.call('POST', '/api/token/refresh/', { body: { refresh: token } })

const successorOf = async (world: World, token: string): Promise<string> => (await refresh(world, token)).body.refresh

const no = ({ status, body }: Answer) => [status, body.detail]
const BLACKLISTED = [401, 'Token is blacklisted']

const me = async (world: World, token: string) => (await world.call('GET', '/api/users/me/', { token })).status

describe('a strict session', () => {
  it('gives a lost answer again for a minute while the successor is unused', async () => {
    const world = await createWorld({ settings: STRICT })
    const user = await world.signedInUser()
    const second = await successorOf(world, user.refresh)
    world.clock.turn(seconds(60))
    expect(await successorOf(world, user.refresh)).toBe(second)
    world.clock.turn(milliseconds(1))
    expect(no(await refresh(world, user.refresh))).toEqual(BLACKLISTED)
    expect(await sessionOf(world, user.refresh)).toMatchObject({ endReason: 'refresh_token_reused' })
  })

  it('counts the minute from the rotation, not from the last repeat', async () => {
    const world = await createWorld({ settings: STRICT })
    const user = await world.signedInUser()
    await refresh(world, user.refresh)
    world.clock.turn(seconds(40))
    expect((await refresh(world, user.refresh)).status).toBe(200)
    world.clock.turn(seconds(40))
    expect(no(await refresh(world, user.refresh))).toEqual(BLACKLISTED)
  })

  it('takes the grace the operator gives, none included', async () => {
    const world = await createWorld({ settings: { ...STRICT, REFRESH_GRACE_SECONDS: '0' } })
    const user = await world.signedInUser()
    await refresh(world, user.refresh)
    world.clock.turn(milliseconds(1))
    expect(no(await refresh(world, user.refresh))).toEqual(BLACKLISTED)
  })

  it('ends for a token whose successor is in use, within the minute too', async () => {
    const world = await createWorld({ settings: STRICT })
    const user = await world.signedInUser()
    const second = await successorOf(world, user.refresh)
    const third = await successorOf(world, second)
    expect(no(await refresh(world, user.refresh))).toEqual(BLACKLISTED)
    for (const token of [user.refresh, second, third]) expect(no(await refresh(world, token))).toEqual(BLACKLISTED)
    expect(await me(world, user.access)).toBe(401)
  })

  it('goes on for good with a client that takes each successor', async () => {
    const world = await createWorld({ settings: STRICT })
    let { refresh: token } = await world.signedInUser()
    const seen = new Set([token])
    for (let turn = 0; turn < 25; turn++) {
      world.clock.turn(days(1))
      token = await successorOf(world, token)
      seen.add(token)
    }
    expect(seen.size).toBe(26)
  })
})

describe('a session in auto', () => {
  it('becomes strict with the first use of a successor', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    world.clock.turn(minutes(5))
    const second = await successorOf(world, user.refresh)
    world.clock.turn(minutes(5))
    expect(await successorOf(world, user.refresh)).toBe(second)
    const third = await successorOf(world, second)
    expect(third).not.toBe(second)
    expect(no(await refresh(world, user.refresh))).toEqual(BLACKLISTED)
    expect(no(await refresh(world, third))).toEqual(BLACKLISTED)
  })
})

describe('a refresh token used again', () => {
  async function reuse(world: World, user: SignedIn): Promise<void> {
    const second = await successorOf(world, user.refresh)
    await successorOf(world, second)
    expect(no(await refresh(world, user.refresh))).toEqual(BLACKLISTED)
  }

  it('ends that session at once, access tokens included, and no other', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    const elsewhere = (await world.signIn(user)).body
    await reuse(world, user)
    expect(await me(world, user.access)).toBe(401)
    expect(await me(world, elsewhere.access)).toBe(200)
    expect((await refresh(world, elsewhere.refresh)).status).toBe(200)
  })

  it('is on record in the session and in the log', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    await reuse(world, user)
    const session = await sessionOf(world, user.refresh)
    expect([session?.endReason, session?.endedAt]).toEqual(['refresh_token_reused', world.clock.now()])
    expect(world.logged()).toContain('refresh token reused')
    expect(world.logged()).not.toContain(user.refresh)
  })

  it('is told to the user by mail, once, in the user’s language', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    await world.call('PATCH', '/api/users/me/', { token: user.access, body: { language: 'fa' } })
    await reuse(world, user)
    await refresh(world, user.refresh)
    const notices = await world.inbox(user.email)
    expect(notices).toHaveLength(1)
    expect(notices[0]?.subject).toMatch(/[\u0600-\u06ff]/)
    expect(notices[0]?.html).toContain('dir="rtl"')
  })

  it('is told in English to who has no language', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    await reuse(world, user)
    expect((await world.inbox(user.email))[0]?.subject).toBe('Latchkey ended one of your sessions')
  })

  it('is no reuse once the session was logged out', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    await world.call('POST', '/api/logout/', { token: user.access, body: { refresh: user.refresh } })
    expect(no(await refresh(world, user.refresh))).toEqual(BLACKLISTED)
    expect(await sessionOf(world, user.refresh)).toMatchObject({ endReason: 'logout' })
    expect(await world.inbox(user.email)).toEqual([])
  })
})

it('makes each successor’s bytes from the row alone', async () => {
  const world = await createWorld({ settings: STRICT })
  const user = await world.signedInUser()
  world.clock.turn(seconds(90))
  const second = await successorOf(world, user.refresh)
  const session = await sessionOf(world, second)
  expect(readToken(second).payload).toMatchObject({
    iat: Math.floor(Number(session?.rotatedAt) / 1000),
    exp: Math.floor(Number(session?.expiresAt) / 1000),
    generation: session?.generation,
  })
})

it('tells of ten reuses a day and no more: an address given by a stranger is nobody to flood', async () => {
  const world = await createWorld({ settings: { ...UNLIMITED, REFRESH_ROTATION: 'on' } })
  const user = await world.signedInUser()
  await inTurn(12, async () => {
    const { refresh: first } = (await world.signIn(user)).body
    const { refresh: second } = (await refresh(world, first)).body
    await refresh(world, second)
    expect((await refresh(world, first)).status).toBe(401)
  })
  expect(await world.inbox(user.email)).toHaveLength(10)

  world.clock.turn(days(1))
  const { refresh: first } = (await world.signIn(user)).body
  await refresh(world, (await refresh(world, first)).body.refresh)
  await refresh(world, first)
  expect(await world.inbox(user.email)).toHaveLength(11)
})
