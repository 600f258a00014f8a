import { expect, it } from 'vitest'
import { inTurn } from '../../../test/wire.ts'
import { createWorld } from '../../../test/world.ts'
import { minutes } from '../../kernel/duration.ts'

const PRODUCTION = {
  NODE_ENV: 'production',
  PUBLIC_URL: 'https://id.example',
  SECRET_KEY: 'x'.repeat(10) + 'abcdefghijklmnopqrstuvwxyz0123456789',
  EMAIL_HOST: '127.0.0.1',
  EMAIL_PORT: '2525',
  EMAIL_FROM: 'id@example.com',
}

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
