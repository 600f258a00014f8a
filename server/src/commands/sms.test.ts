import { expect, it } from 'vitest'
import { createCommandWorld, startedWorld, type CommandWorld } from '../../test/command.ts'
import { newId } from '../../test/database.ts'
import { before, days } from '../kernel/duration.ts'

interface Decided {
  readonly daysAgo?: number
  readonly decision?: 'allowed' | 'refused'
  readonly reason?: string
  readonly mode?: 'enforce' | 'observe'
  readonly isProven?: boolean
}

/** A decision on record, as a server would have left it. */
const decided = (world: CommandWorld, { daysAgo = 0, isProven = false, ...fields }: Decided) =>
  world.inside(async ({ db }) => {
    const at = before(world.clock.now(), days(daysAgo))
    const where = { country: 'IR', prefix: '+98912345', destination: 'x', network: '192.0.2.1' }
    const ruling = { decision: 'allowed', mode: 'enforce', ...fields } as const
    const row = { id: newId(), at, ...where, ...ruling, isOwners: false, purpose: 'verification', price: 125 }
    await db
      .insertInto('smsDecisions')
      .values({ ...row, verifiedAt: isProven ? at : null })
      .execute()
  })

it('shows spend, refusals by reason and conversion by prefix', async () => {
  const world = await startedWorld({ SMS_CURRENCY: 'EUR' })
  for (const fields of [{ isProven: true }, {}, {}, { daysAgo: 6 }, { daysAgo: 8 }]) await decided(world, fields)
  await decided(world, { decision: 'refused', reason: 'range_full' })
  await decided(world, { decision: 'refused', reason: 'country_full', mode: 'observe' })
  for (const decision of ['allowed', 'refused'] as const) await decided(world, { reason: 'decoy', decision })
  const { out } = await world.type('sms report')
  expect(out).toContain('5 codes by SMS in 7 days, 1 proven, for 0.0625 EUR.')
  expect(out).toContain('1 refused (range_full), which would have cost 0.0125 EUR.')
  expect(out).not.toContain('decoy')
  expect(out).toContain('1 sent that would have been refused (country_full), for 0.0125 EUR.')
  expect(out).toMatch(/\+98912345 +IR +5 +20% +2\n?$/m)
  const { json } = await world.type('sms report --days 30 --json')
  expect(json).toMatchObject({ days: 30, currency: 'EUR', sent: 6, verified: 1, spent: 0.075 })
  expect(json.refusals).toContainEqual({ reason: 'range_full', mode: 'enforce', count: 1, price: 0.0125 })
  expect(json.prefixes).toEqual([{ prefix: '+98912345', country: 'IR', sent: 6, verified: 1, refused: 2 }])
})

it('of a server that sent nothing says so', async () => {
  const world = await startedWorld()
  expect((await world.type('sms report --days 1')).out).toContain('0 codes by SMS in 1 day, 0 proven, for 0 USD.')
})

it.each(['0', '36', 'week', '-1', '1.5'])('takes no --days %s', async (span) => {
  const { code, err } = await createCommandWorld().type(`sms report --days=${span}`)
  expect([code, err]).toEqual([1, expect.stringContaining('--days is a whole number from 1 to 35.')])
})
