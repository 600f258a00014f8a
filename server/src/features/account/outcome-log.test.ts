import { expect, it } from 'vitest'
import { PRODUCTION } from '../../../test/production.ts'
import { inTurn } from '../../../test/wire.ts'
import { createWorld } from '../../../test/world.ts'
import { minutes } from '../../kernel/duration.ts'

it('an operator reads in the log that somebody has mails sent to one address, and not which', async () => {
  const world = await createWorld({ settings: PRODUCTION })
  const ask = async (n: number) => {
    world.clock.turn(minutes(2))
    return world.call('POST', '/api/password/reset/', { body: { email: 'sara@example.com' }, from: `203.0.113.${n}` })
  }
  expect(new Set((await inTurn(5, ask)).map(({ status }) => status))).toEqual(new Set([202]))
  expect(world.logged()).not.toContain('destination_full')
  await inTurn(2, (n) => ask(10 + n))
  expect(world.logged()).toContain('"outcome":"destination_full","address":"s***@example.com"')
  expect(world.logged()).not.toContain('sara@example.com')
})
