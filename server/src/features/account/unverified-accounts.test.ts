import { describe, expect, it } from 'vitest'
import { insertUser, NOON, openForTest } from '../../../test/database.ts'
import { until } from '../../../test/wire.ts'
import { createWorld, PASSWORD } from '../../../test/world.ts'
import type { Database } from '../../database/schema.ts'
import { before, days, milliseconds } from '../../kernel/duration.ts'
import { systemRandom } from '../../kernel/random.ts'
import { createAudit } from '../audit/service.ts'
import { expireUnverified } from './deletion.ts'

const audit = createAudit({ random: systemRandom })
const LIFETIME = days(30)
const OLD = { createdAt: before(NOON, days(31)) }

const namesIn = async (db: Database) =>
  (await db.selectFrom('users').select('email').orderBy('id').execute()).map(({ email }) => email.split('@')[0])

describe('an account that never verified anything', () => {
  it('is deleted once it is older than the setting says, and that is on record', async () => {
    const db = await openForTest()
    const gone = await insertUser(db, 'gone', OLD)
    await insertUser(db, 'young', { createdAt: before(NOON, LIFETIME) })
    await insertUser(db, 'just', { createdAt: before(NOON, milliseconds(LIFETIME + 1)) })
    expect(await expireUnverified({ db, audit }, LIFETIME, NOON)).toBe(2)
    expect(await namesIn(db)).toEqual(['young'])
    const events = await db.selectFrom('auditEvents').select(['type', 'userId', 'actor']).orderBy('userId').execute()
    expect(events[0]).toEqual({ type: 'account_expired', userId: gone, actor: 'system' })
  })

  it('is spared where it proved any address, at any time, or is an admin’s', async () => {
    const db = await openForTest()
    await insertUser(db, 'mail', { ...OLD, emailVerifiedAt: NOON, emailFirstProvenAt: NOON })
    await insertUser(db, 'once', { ...OLD, emailFirstProvenAt: NOON })
    await insertUser(db, 'phone', { ...OLD, phone: '+989123456789', phoneVerifiedAt: NOON })
    await insertUser(db, 'admin', { ...OLD, adminSince: NOON })
    expect(await expireUnverified({ db, audit }, LIFETIME, NOON)).toBe(0)
    expect(await namesIn(db)).toEqual(['mail', 'once', 'phone', 'admin'])
  })

  it('goes with however many others', async () => {
    const db = await openForTest()
    for (let index = 0; index < 230; index++) await insertUser(db, `squatter${index}`, OLD)
    expect(await expireUnverified({ db, audit }, LIFETIME, NOON)).toBe(230)
    expect(await namesIn(db)).toEqual([])
  })
})

describe('housekeeping', () => {
  const register = async (settings: Record<string, string>) => {
    const world = await createWorld({ settings })
    const user = await world.signedInUser('squatted@example.com')
    world.clock.turn(days(31))
    world.latchkey.start()
    return { world, user }
  }

  it('frees a squatted address where UNVERIFIED_ACCOUNT_LIFETIME says so', async () => {
    const { world, user } = await register({ UNVERIFIED_ACCOUNT_LIFETIME: '30d' })
    await until(() => world.logged().includes('never verified anything were deleted'))
    const { status } = await world.call('GET', '/api/users/me/', { token: user.access })
    expect(status).toBe(401)
    const body = { email: user.email, password: PASSWORD }
    expect((await world.call('POST', '/api/users/', { body })).status).toBe(201)
  })

  it('leaves every account alone where it says nothing', async () => {
    const { world, user } = await register({ AUDIT_RETENTION: '7d' })
    // What housekeeping does after accounts: then it has been through with them.
    const retained = world.latchkey.foundation.db.selectFrom('leases').where('name', '=', 'audit-retention')
    await expect.poll(() => retained.select('name').execute()).toHaveLength(1)
    expect((await world.signIn(user)).status).toBe(200)
  })
})
