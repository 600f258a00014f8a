import { describe, expect, it } from 'vitest'
import { atOnce, inTurn, statuses, until } from '../../../test/wire.ts'
import { createWorld, type World } from '../../../test/world.ts'

const attempt = (world: World, email: string, from: string) =>
  world.call('POST', '/api/token/', { body: { email, password: 'Wrong-Horse-7' }, from })

describe('sign-ins from one address', () => {
  it('are twenty a minute, right ones counted too, an IPv6 network being one address', async () => {
    const world = await createWorld()
    const answers = await inTurn(21, (index) => attempt(world, `${index}@example.com`, `2001:db8::${index + 1}`))
    expect(statuses(answers)).toEqual({ 401: 20, 429: 1 })
    expect(answers[20]?.headers['ratelimit-policy']).toBe('"login";q=20;w=60')
    expect((await attempt(world, 'a@example.com', '2001:db8:0:1::1')).status).toBe(401)
  })
})

describe('while more passwords wait than can be compared', () => {
  const settings = { THROTTLE_ANON: 'off', THROTTLE_LOGIN: '1000/min' }

  // Guard: `uncountFailure` in `countedOnceCompared`. Seen failing (as many counted as tried) without it.
  it('a sign-in that was turned away is no failed one', async () => {
    const world = await createWorld({ settings })
    const answers = await atOnce(100, (index) => attempt(world, `crowd${index}@example.com`, '192.0.2.1'))
    const { 401: refused, 503: turnedAway, ...others } = statuses(answers)
    expect([turnedAway, others]).toEqual([expect.any(Number), {}])
    expect(answers.find(({ status }) => status === 503)?.headers['retry-after']).toBe('1')
    const rows = await world.latchkey.foundation.db.selectFrom('signInFailures').selectAll().execute()
    expect(rows.filter(({ failures }) => failures === 1)).toHaveLength(refused!)
    expect(rows.filter(({ failures }) => failures === 0)).toHaveLength(turnedAway!)
  })

  it('nobody waits for failures that were none', async () => {
    const world = await createWorld({ settings })
    const user = await world.signedInUser()
    const crowd = atOnce(100, (index) => attempt(world, `crowd${index}@example.com`, '192.0.2.1'))
    await until(() => world.latchkey.passwords.load().waiting >= 28)
    const turnedAway = await atOnce(5, () => attempt(world, user.email, '192.0.2.1'))
    expect(statuses(turnedAway)[503]).toBeGreaterThan(0)
    await crowd
    expect((await world.signIn(user)).status).toBe(200)
  })
})
