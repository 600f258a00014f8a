import { expect, it } from 'vitest'
import { UNLIMITED } from '../../../test/unlimited.ts'
import { atOnce, inTurn, sessionOf } from '../../../test/wire.ts'
import { createWorld, type World } from '../../../test/world.ts'
import { minutes } from '../../kernel/duration.ts'

const living = (world: World) =>
  world.latchkey.foundation.db.selectFrom('sessions').selectAll().where('endedAt', 'is', null).execute()

it('keeps fifty sessions of a user; the one used longest ago leaves', async () => {
  const world = await createWorld({ settings: UNLIMITED })
  const first = await world.signedInUser()
  world.clock.turn(minutes(1))
  const second = (await world.signIn(first)).body
  await inTurn(48, () => {
    world.clock.turn(minutes(1))
    return world.signIn(first)
  })
  // The first is used again, so that the second is now the longest idle.
  await world.call('POST', '/api/token/refresh/', { body: { refresh: first.refresh } })
  world.clock.turn(minutes(1))
  await world.signIn(first)
  expect(await living(world)).toHaveLength(50)
  expect(await sessionOf(world, first.refresh)).toMatchObject({ endedAt: null })
  expect(await sessionOf(world, second.refresh)).toMatchObject({ endReason: 'too_many_sessions' })
  const refused = await world.call('POST', '/api/token/refresh/', { body: { refresh: second.refresh } })
  expect([refused.status, refused.body.detail]).toEqual([401, 'Token is blacklisted'])
}, 60_000)

it('keeps fifty when twenty sign in at once', async () => {
  const world = await createWorld({ settings: UNLIMITED })
  const user = await world.signedInUser()
  await inTurn(3, () => atOnce(20, () => world.signIn(user)))
  expect(await living(world)).toHaveLength(50)
}, 60_000)

it('remembers where each began', async () => {
  const world = await createWorld()
  const user = await world.signedInUser()
  const body = { email: user.email, password: user.password }
  const headers = { 'user-agent': `Browser ${'x'.repeat(400)}` }
  const answer = await world.call('POST', '/api/token/', { body, headers, from: '2001:db8::7' })
  const session = await sessionOf(world, answer.body.refresh)
  expect(session).toMatchObject({ ip: '2001:db8::7', acr: 'aal1', amr: 'pwd' })
  expect(session?.userAgent).toHaveLength(300)
})
