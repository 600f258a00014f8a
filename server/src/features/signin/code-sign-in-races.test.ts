import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, it } from 'vitest'
import { insertUser } from '../../../test/database.ts'
import { DATABASES } from '../../../test/databases.ts'
import { partsOn } from '../../../test/parts.ts'
import { stopPostgres } from '../../../test/postgres.ts'
import { createTurnedClock } from '../../../test/turned-clock.ts'
import { atOnce } from '../../../test/wire.ts'
import { readConfig } from '../../config.ts'
import type { Database } from '../../database/schema.ts'
import type { Email } from '../../kernel/address.ts'
import { BY_SYSTEM } from '../../kernel/act.ts'
import { systemRandom } from '../../kernel/random.ts'
import { createDatabaseLimiter } from '../../ports/limiter/database.ts'
import { createDestinationLimits } from '../otp/service.ts'
import { endAll } from '../sessions/service.ts'
import { lockUser, update } from '../users/service.ts'
import { askForCode, type CodeSignIn, signInByCode } from './code-sign-in.ts'

afterAll(stopPostgres)

const NOW = createTurnedClock().now()

/** Somebody with a verified address and a code sent to it; gives what signs in by it. */
async function codeSent(db: Database): Promise<{ userId: number; signIn: () => Promise<CodeSignIn> }> {
  const userId = await insertUser(db, 'sara', { emailVerifiedAt: NOW })
  const parts = await partsOn(db)
  const deps = { ...parts, random: systemRandom, rules: readConfig({}).config.signIn }
  const address = { channel: 'email', to: 'sara@example.com' as Email } as const
  const from = { act: BY_SYSTEM, language: 'en', remember: async () => {} } as const
  const sent = await askForCode(deps, address, from, NOW)
  await parts.worker.deliverDue()
  const code = parts.gateways.inbox?.messages()[0]?.code ?? ''
  const challenge = sent.kind === 'sent' ? sent.challengeId : ''
  return { userId, signIn: () => signInByCode(deps, { challenge, code }, BY_SYSTEM, NOW) }
}

describe.each(DATABASES)('on %s', (_, open) => {
  // Guard: `lockUser` at the head of `signInByCode`. Seen failing on PostgreSQL (a session that outlives it) without it.
  it('an account that is closed at this moment is not entered by a code', async (context) => {
    const db = await open(context)
    const { userId, signIn } = await codeSent(db)
    const isClosed = Promise.withResolvers<void>()
    const closing = db.transaction().execute(async (db) => {
      await lockUser(db, userId)
      await update(db, userId, { deactivatedAt: NOW })
      await endAll(db, userId, 'deactivated', NOW)
      isClosed.resolve()
      await sleep(300) // for whoever does not wait for this transaction to end
    })
    await isClosed.promise
    const entering = signIn()
    await closing
    expect(await entering).toEqual({ kind: 'refused' })
    expect(await db.selectFrom('sessions').select('id').where('endedAt', 'is', null).execute()).toEqual([])
  })

  // Guard: the cooldown is asked again under the user's lock, before the address. Seen failing (5 counted) without.
  it('twenty who ask for one code at once take one from what its address may be sent', async (context) => {
    const db = await open(context)
    await insertUser(db, 'sara', { emailVerifiedAt: NOW })
    const parts = await partsOn(db)
    const limiterOn = (db: Database, now: Date) => createDatabaseLimiter(db, { now: () => now }, parts.secret)
    const destinations = createDestinationLimits(limiterOn, true)
    const deps = { ...parts, destinations, random: systemRandom, rules: readConfig({}).config.signIn }
    const address = { channel: 'email', to: 'sara@example.com' as Email } as const
    const from = { act: BY_SYSTEM, language: 'en', remember: async () => {} } as const
    const asked = await atOnce(20, () => askForCode(deps, address, from, NOW))
    expect(asked.filter(({ kind }) => kind === 'sent')).toHaveLength(1)
    expect(await db.selectFrom('rateCounters').select('count').execute()).toEqual([{ count: 1 }, { count: 1 }])
  })

  it('twenty at once with the right code open one session', async (context) => {
    const db = await open(context)
    const { signIn } = await codeSent(db)
    const outcomes = await Promise.all(Array.from({ length: 20 }, signIn))
    expect(outcomes.filter(({ kind }) => kind === 'signed_in')).toHaveLength(1)
    expect(await db.selectFrom('sessions').select('id').execute()).toHaveLength(1)
  })
})
