import { describe, expect, it } from 'vitest'
import { days, type Duration, hours, minutes, seconds } from '../../src/kernel/duration.ts'
import { type Answer, createWorld, type SignedIn, type World } from '../world.ts'

const HOUR_BACK = hours(-1)

const send = (world: World, { access: token }: Pick<SignedIn, 'access'>) =>
  world.call('POST', '/api/otp/send/', { token, body: { email_or_phone: 'email' } })
const verify = (world: World, { access: token }: Pick<SignedIn, 'access'>, code: string) =>
  world.call('POST', '/api/otp/verify/', { token, body: { code } })
const refresh = (world: World, token: string) => world.call('POST', '/api/token/refresh/', { body: { refresh: token } })
const me = (world: World, { access: token }: Pick<SignedIn, 'access'>) => world.call('GET', '/api/users/me/', { token })

async function guess(world: World, user: SignedIn, times: number): Promise<Answer> {
  for (let each = 1; each < times; each++) await world.signIn({ ...user, password: 'Wrong-Horse-7' })
  return world.signIn({ ...user, password: 'Wrong-Horse-7' })
}

/** Someone in the middle of everything: sessions, an open code, a cooldown, a wait, a message in a worker's hand. */
async function busyWorld() {
  const world = await createWorld()
  const { clock, latchkey } = world
  const user = await world.signedInUser()
  const rotated = (await refresh(world, user.refresh)).body as { access: string; refresh: string }
  await send(world, user)
  const code = await world.codeTo(user.email)
  const guessed = await world.signedInUser()
  await guess(world, guessed, 5)
  const waiting = await world.signedInUser()
  await send(world, waiting)
  const { db } = latchkey.foundation
  // As a worker leaves it that dies with a message in its hand.
  const leasedUntil = new Date(clock.now().getTime() + seconds(60))
  const inHand = { leasedUntil, nextAttemptAt: leasedUntil, attempts: 1 }
  await db.updateTable('deliveries').set(inHand).where('userId', '=', waiting.id).execute()
  return { world, user, rotated, code, guessed, waiting }
}

type BusyWorld = Awaited<ReturnType<typeof busyWorld>>

/** Every kind of request, whatever comes of it. */
async function askEverything({ world, user, rotated, code, guessed, waiting }: BusyWorld): Promise<Answer[]> {
  await world.latchkey.worker.deliverDue()
  const fresh = await world.signIn(user)
  const access = { access: fresh.body.access as string }
  return [
    fresh,
    await me(world, user),
    await me(world, access),
    await verify(world, user, code),
    await send(world, user),
    await send(world, access),
    await send(world, waiting),
    await refresh(world, rotated.refresh),
    await refresh(world, user.refresh),
    await guess(world, guessed, 1),
    await world.call('POST', '/api/token/verify/', { body: { token: rotated.access } }),
    await world.call('POST', '/api/logout/', { token: access.access, body: { refresh: fresh.body.refresh } }),
    await world.call('GET', '/.well-known/jwks.json'),
    await world.call('GET', '/readyz'),
  ]
}

describe('a clock that jumps in the middle of everything', () => {
  it.each<[string, readonly Duration[]]>([
    ['an hour back', [HOUR_BACK]],
    ['an hour back and forth again', [HOUR_BACK, hours(1)]],
    ['forty days forth', [days(40)]],
    ['forty days forth and back again', [days(40), days(-40)]],
    ['forty years back', [days(-40 * 365)]],
  ])('%s: breaks nothing, lets people sign in, and names no time in the past to wait for', async (_, jumps) => {
    const busy = await busyWorld()
    for (const jump of jumps) {
      busy.world.clock.turn(jump)
      const answers = await askEverything(busy)
      expect(answers.filter(({ status }) => status >= 500).map(({ text }) => text)).toEqual([])
      expect(answers[0]?.status).toBe(200)
      expect(answers[2]?.status, 'a session begun after the jump').toBe(200)
      const waits = answers.filter(({ status }) => status === 429).map(({ headers }) => headers['retry-after'])
      for (const wait of waits) expect(String(wait)).toMatch(/^[1-9]\d*$/)
    }
    expect(busy.world.logged()).not.toContain('"level":50')
  })
})

describe('after a jump an hour back', () => {
  it('a code is good for an hour longer at most', async () => {
    const { world, user, code } = await busyWorld()
    world.clock.turn(HOUR_BACK)
    world.clock.turn(hours(1))
    world.clock.turn(minutes(2))
    expect((await verify(world, user, code)).status).toBe(400)
  })

  it('an access token is good for an hour longer at most', async () => {
    const { world, user } = await busyWorld()
    world.clock.turn(HOUR_BACK)
    world.clock.turn(minutes(60 + 16))
    expect((await me(world, user)).status).toBe(401)
  })

  it('a used refresh token is good for an hour longer at most', async () => {
    const { world, user, rotated } = await busyWorld()
    await refresh(world, rotated.refresh)
    world.clock.turn(HOUR_BACK)
    world.clock.turn(minutes(60 + 2))
    expect((await refresh(world, rotated.refresh)).status).toBe(401)
    expect((await me(world, user)).status).toBe(401)
  })

  it('a wait for guessing is an hour longer at most, and what was counted stays counted', async () => {
    const { world, guessed } = await busyWorld()
    world.clock.turn(HOUR_BACK)
    const refused = await world.signIn(guessed)
    expect([refused.status, Number(refused.headers['retry-after'])]).toEqual([429, 3630])
    world.clock.turn(seconds(3630))
    expect((await world.signIn(guessed)).status).toBe(200)
  })

  it('what lay in a dead worker’s hand is sent or given up an hour later at most', async () => {
    const { world, waiting } = await busyWorld()
    world.clock.turn(HOUR_BACK)
    expect(await world.inbox(waiting.email)).toHaveLength(0)
    world.clock.turn(minutes(61))
    expect(await world.inbox(waiting.email)).toHaveLength(1)
  })
})

describe('after a jump forty days forth', () => {
  it('nothing from before opens anything', async () => {
    const { world, user, rotated, code } = await busyWorld()
    world.clock.turn(days(40))
    expect((await me(world, user)).status).toBe(401)
    expect((await refresh(world, rotated.refresh)).status).toBe(401)
    const { body } = await world.signIn(user)
    expect((await verify(world, { access: body.access as string }, code)).status).toBe(400)
  })

  it('a message whose code has expired is not sent, and its text is gone', async () => {
    const { world, waiting } = await busyWorld()
    world.clock.turn(days(40))
    expect(await world.inbox(waiting.email)).toHaveLength(0)
    const { db } = world.latchkey.foundation
    const row = db.selectFrom('deliveries').selectAll().where('userId', '=', waiting.id)
    expect(await row.executeTakeFirst()).toMatchObject({ status: 'dead', sealed: null })
  })
})
