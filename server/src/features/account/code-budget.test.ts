import { afterAll, describe, expect, it } from 'vitest'
import { accountDeps } from '../../../test/account.ts'
import { insertUser, newId, NOON } from '../../../test/database.ts'
import { DATABASES } from '../../../test/databases.ts'
import { stopPostgres } from '../../../test/postgres.ts'
import { atOnce, inTurn } from '../../../test/wire.ts'
import type { Database } from '../../database/schema.ts'
import { after, minutes } from '../../kernel/duration.ts'
import { createDatabaseLimiter } from '../../ports/limiter/database.ts'
import { createDestinationLimits } from '../otp/service.ts'
import { type AddressCodeDeps, type Sending, sendTo } from './codes.ts'

afterAll(stopPostgres)

const WITHIN = { timeout: 60_000 }

/** A user whose address is not proven, and who asks in a session or in a new one each time. */
async function createAsker(db: Database) {
  const base = accountDeps(db)
  const limiterOn = (db: Database, now: Date) => createDatabaseLimiter(db, { now: () => now }, base.codes.secret)
  const deps: AddressCodeDeps = { ...base, destinations: createDestinationLimits(limiterOn, true) }
  const userId = await insertUser(db, 'sara')
  const aim = { userId, channel: 'email', address: 'sara@example.com', purpose: 'verification' } as const
  const envelope = { to: 'sara@example.com', language: 'en', network: '192.0.2.1', isOwners: false } as const
  return (asker: string, now = NOON): Promise<Sending> => sendTo(deps, { ...envelope, binding: { ...aim, asker } }, now)
}

const countOf = (sendings: readonly Sending[], kind: Sending['kind']): number =>
  sendings.filter((sending) => sending.kind === kind).length

describe.each(DATABASES)('the budget of an address on %s', WITHIN, (_, open) => {
  // Guard: the binding is asked once more under the user's lock, before the address. Seen failing (5 counted) without.
  it('loses one code where twenty requests race for it', async (context) => {
    const db = await open(context)
    const ask = await createAsker(db)
    await inTurn(5, async (round) => {
      const session = newId()
      const sendings = await atOnce(20, () => ask(session))
      expect([countOf(sendings, 'sent'), countOf(sendings, 'cooldown')]).toEqual([1, 19])
      const counters = await db.selectFrom('rateCounters').select('count').execute()
      expect(counters).toEqual([{ count: round + 1 }, { count: round + 1 }])
    })
  })

  it('is five of twenty codes that twenty sessions ask for at once', async (context) => {
    const db = await open(context)
    const ask = await createAsker(db)
    const sendings = await atOnce(20, () => ask(newId()))
    expect([countOf(sendings, 'sent'), countOf(sendings, 'destination_full')]).toEqual([5, 15])
    expect(await db.selectFrom('deliveries').select('id').execute()).toHaveLength(5)
  })

  it('tells when the next may be sent, and is not lengthened by asking', async (context) => {
    const ask = await createAsker(await open(context))
    await inTurn(5, (index) => ask(newId(), after(NOON, minutes(index))))
    await inTurn(10, () => ask(newId(), after(NOON, minutes(30))))
    expect(await ask(newId(), after(NOON, minutes(50)))).toEqual({ kind: 'destination_full', retryAfterSeconds: 600 })
    expect((await ask(newId(), after(NOON, minutes(60)))).kind).toBe('sent')
  })
})
