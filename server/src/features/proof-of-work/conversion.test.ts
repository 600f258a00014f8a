import { afterAll, describe, expect, it } from 'vitest'
import { newId, NOON } from '../../../test/database.ts'
import { DATABASES } from '../../../test/databases.ts'
import { stopPostgres } from '../../../test/postgres.ts'
import { change } from '../../../test/sign-in-codes.ts'
import { firewallFor } from '../../../test/sms-firewall.ts'
import { UNLIMITED } from '../../../test/unlimited.ts'
import { createWorld } from '../../../test/world.ts'
import type { Database } from '../../database/schema.ts'
import type { Phone } from '../../kernel/address.ts'
import { after, minutes, seconds } from '../../kernel/duration.ts'
import { systemRandom } from '../../kernel/random.ts'
import { createSecret } from '../../kernel/secret.ts'
import { decide, type FirewallDeps, isPoorlyProven, markVerified } from '../sms-firewall/service.ts'
import { conversionSignal } from './signals.ts'

afterAll(stopPostgres)

describe.each(DATABASES)('a range of numbers on %s', (_, open) => {
  const ask = async (db: Database, deps: FirewallDeps, number: number, isVerified: boolean) => {
    const to = `+98912345${String(number).padStart(4, '0')}` as Phone
    const asked = { id: newId(), to, network: '192.0.2.1', purpose: 'sign_in', isOwners: false, isDecoy: false }
    await db.transaction().execute((db) => decide(db, deps, asked, after(NOON, seconds(number))))
    if (isVerified) await markVerified(db, asked.id, NOON)
  }

  it.for([
    [8, 3, 3, 'fewer than half of the last eight'],
    [8, 4, 0, 'half of them'],
    [7, 0, 0, 'too few to judge'],
  ] as const)('of %i codes with %i proven rises by %i: %s', async ([codes, verified, level], context) => {
    const db = await open(context)
    const deps = firewallFor(createSecret(systemRandom.bytes(32)))
    for (let number = 0; number < codes; number++) await ask(db, deps, number, number < verified)
    const signal = conversionSignal((phone, now) => isPoorlyProven(db, deps, phone, now))
    const asking = { purpose: 'sign_in_code', network: '192.0.2.1' } as const
    const later = after(NOON, minutes(3))
    expect(await signal.levelOf({ ...asking, phone: '+989123459999' as Phone }, later)).toBe(level)
    expect(await signal.levelOf({ ...asking, phone: '+989123469999' as Phone }, later)).toBe(0)
    expect(await signal.levelOf(asking, later)).toBe(0)
  })
})

it('asks more of whoever wants a code sent to a range whose codes are not proven', async () => {
  const world = await createWorld({
    settings: { ...UNLIMITED, PROOF_OF_WORK: 'on', SMS_PER_ADDRESS_HOUR: '1000', SMS_PER_RANGE_HOUR: '1000' },
  })
  const { id, access: token } = await world.signedInUser()
  for (let number = 0; number < 8; number++) {
    await change(world, { id }, { phone: `+98912345000${number}` })
    const sent = await world.call('POST', '/api/otp/send/', { token, body: { email_or_phone: 'phone' } })
    expect(sent.status).toBe(200)
  }
  world.clock.turn(minutes(3))
  const difficultyTo = async (phone: string) =>
    (await world.call('POST', '/api/token/code/', { body: { phone } })).body.difficulty
  expect(await difficultyTo('+989123450009')).toBe(17)
  expect(await difficultyTo('+989123460009')).toBe(15)
})
