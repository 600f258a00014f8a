import { DatabaseSync } from 'node:sqlite'
import { Kysely, sql } from 'kysely'
import type { TestContext } from 'vitest'
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import { deliveryRow, insertUser, newId, NOON, sessionRow } from '../../test/database.ts'
import { needsPostgres, stopPostgres } from '../../test/postgres.ts'
import { after, minutes } from '../kernel/duration.ts'
import { systemRandom } from '../kernel/random.ts'
import { gramsOf } from '../kernel/grams.ts'
import { columnsOf } from './columns.ts'
import { migrate } from './migrate.ts'
import { migrationsFor } from './migrations/all.ts'
import type { Database } from './schema.ts'
import { createSqliteDialect } from './sqlite.ts'

afterAll(stopPostgres)

function openSqlite(): Promise<Database> {
  const db: Database = new Kysely({ dialect: createSqliteDialect(new DatabaseSync(':memory:')) })
  onTestFinished(() => db.destroy())
  return Promise.resolve(db)
}

const KINDS = ['sqlite', 'postgres'] as const
const EMPTY = {
  sqlite: openSqlite,
  postgres: async (context: TestContext): Promise<Database> => (await needsPostgres(context)).open(),
}

async function firstVersion(kind: (typeof KINDS)[number], context: TestContext) {
  const db = await EMPTY[kind](context)
  const migrations = migrationsFor(columnsOf[kind])
  const plan = { where: 'for tests', beforeChange: () => {} }
  await migrate(db, { ...plan, migrations: { '0001_accounts': migrations['0001_accounts']! } })
  return { db, update: () => migrate(db, { ...plan, migrations }) }
}

/** Every row of the tables that an update extends or leaves alone. */
async function rowsOf(db: Database): Promise<Record<string, unknown[]>> {
  const rows: Record<string, unknown[]> = {}
  for (const table of ['users', 'sessions', 'deliveries', 'devices'] as const)
    rows[table] = await db.selectFrom(table).selectAll().orderBy('id').execute()
  rows['signInFailures'] = await db.selectFrom('signInFailures').selectAll().execute()
  rows['meta'] = await db.selectFrom('meta').selectAll().execute()
  return rows
}

describe.each(KINDS)('an update from the first version on %s', (kind) => {
  it('keeps a code that waits, with the tries it has left', async (context) => {
    const { db, update } = await firstVersion(kind, context)
    const userId = await insertUser(db, 'sara')
    const binding = {
      userId,
      asker: newId(),
      channel: 'email',
      address: 'sara@example.com',
      purpose: 'verification',
    } as const
    const challenge = { id: newId(), ...binding, codeHash: systemRandom.bytes(32), tries: 2, createdAt: NOON }
    const expiresAt = after(NOON, minutes(2))
    await db
      .insertInto('challenges')
      .values({ ...challenge, expiresAt })
      .execute()
    await update()
    expect(await db.selectFrom('challenges').selectAll().execute()).toEqual([
      { ...challenge, codeHash: expect.anything(), expiresAt, consumedAt: null },
    ])
    const found = await db.selectFrom('challenges').select('id').where('codeHash', '=', challenge.codeHash).execute()
    expect(found).toEqual([{ id: challenge.id }])
  })

  it('counts those who are there already, and finds them by any part of their names', async (context) => {
    const { db, update } = await firstVersion(kind, context)
    for (let index = 0; index < 1003; index++)
      await insertUser(db, `person${index}`, index === 1001 ? { firstName: 'سارا', lastName: '👩‍🚀 Stone' } : {})
    await db.deleteFrom('users').where('id', '=', 7).execute()
    await update()
    const counted = await db.selectFrom('userCounts').select(['block', 'users']).execute()
    expect(counted).toEqual([{ block: 0, users: 1002 }])
    const of = (gram: string) => db.selectFrom('userGrams').select('userId').where('gram', '=', gram).execute()
    expect(
      await Promise.all(['سار', 'ston', 'sto', '👩🚀 ', 'per'].map(async (gram) => (await of(gram)).length)),
    ).toEqual([1, 0, 1, 1, 1002])
    const all = await db.selectFrom('userGrams').select('gram').where('userId', '=', 1002).execute()
    expect(new Set(all.map(({ gram }) => gram))).toEqual(
      new Set(gramsOf(['person1001@example.com', 'سارا', '👩‍🚀 Stone'])),
    )
    await insertUser(db, 'later')
    const after = await db.selectFrom('userCounts').select('users').execute()
    expect(after.reduce((sum, { users }) => sum + users, 0)).toBe(1003)
  })

  it('keeps what is locked locked', async (context) => {
    const { db, update } = await firstVersion(kind, context)
    const userId = await insertUser(db, 'sara')
    await sql`insert into channel_failures (user_id, channel, purpose, failures)
      values (${userId}, 'phone', 'verification', 100)`.execute(db)
    await update()
    expect(await db.selectFrom('factorFailures').selectAll().execute()).toEqual([
      { userId, method: 'phone', purpose: 'verification', failures: 100 },
    ])
  })

  it('takes a first proof and a first sign-in for what they were', async (context) => {
    const { db, update } = await firstVersion(kind, context)
    const [sara, omid] = [await insertUser(db, 'sara', { emailVerifiedAt: NOON }), await insertUser(db, 'omid')]
    await db
      .insertInto('sessions')
      .values([sessionRow(sara, { createdAt: after(NOON, minutes(5)) }), sessionRow(sara)])
      .execute()
    await update()
    const users = db.selectFrom('users').select(['id', 'emailFirstProvenAt', 'firstSignedInAt']).orderBy('id')
    expect(await users.execute()).toEqual([
      { id: sara, emailFirstProvenAt: NOON, firstSignedInAt: NOON },
      { id: omid, emailFirstProvenAt: null, firstSignedInAt: null },
    ])
  })

  it('remembers of the messages that wait which may have been taken', async (context) => {
    const { db, update } = await firstVersion(kind, context)
    const lost = 'retry: smtp: unavailable (ECONNRESET), after the mail was handed over'
    const reasons = ['interrupted', lost, 'retry: smtp: 451 greylisted', null]
    await db
      .insertInto('deliveries')
      .values(reasons.map((reason) => deliveryRow({ reason })))
      .execute()
    await update()
    const rows = await db.selectFrom('deliveries').select(['reason', 'maybeTakenAt']).orderBy('id').execute()
    expect(Object.fromEntries(rows.map(({ reason, maybeTakenAt }) => [String(reason), maybeTakenAt]))).toEqual({
      interrupted: NOON,
      [lost]: NOON,
      'retry: smtp: 451 greylisted': null,
      null: null,
    })
  })

  it('leaves everything else as it was', async (context) => {
    const { db, update } = await firstVersion(kind, context)
    const admin = { adminSince: NOON, phone: '+989123456789', phoneVerifiedAt: NOON, pendingEmail: 'new@example.com' }
    const userId = await insertUser(db, 'sara', { ...admin, mailboxKey: 'sara@example.com', language: 'fa' })
    const device = { id: newId(), userId, valueHash: systemRandom.bytes(32), createdAt: NOON, lastUsedAt: NOON }
    const failures = {
      subject: 'a stranger',
      failures: 100,
      lastFailedAt: NOON,
      blockedUntil: after(NOON, minutes(60)),
    }
    await db
      .insertInto('sessions')
      .values(sessionRow(userId, { endedAt: NOON, endReason: 'logout' }))
      .execute()
    await db
      .insertInto('sessions')
      .values(sessionRow(userId, { generation: 7, acr: 'aal2' }))
      .execute()
    await db
      .insertInto('deliveries')
      .values([deliveryRow({ userId }), deliveryRow({ sealed: null, status: 'sent', finishedAt: NOON })])
      .execute()
    await db.insertInto('devices').values(device).execute()
    await db.insertInto('signInFailures').values(failures).execute()
    await db.insertInto('meta').values({ key: 'secret', value: 'its fingerprint' }).execute()
    const before = await rowsOf(db)
    await update()
    expect(await rowsOf(db)).toMatchObject(before)
  })

  it('remembers the network of every session whose address tells it', async (context) => {
    const { db, update } = await firstVersion(kind, context)
    const userId = await insertUser(db, 'sara')
    const [ip, ipv6] = ['192.0.2.7', '2001:db8::1']
    await db
      .insertInto('sessions')
      .values([sessionRow(userId, { ip }), sessionRow(userId, { ip: ipv6 })])
      .execute()
    await update()
    const sessions = await db.selectFrom('sessions').select(['ip', 'network']).orderBy('ip').execute()
    expect(sessions).toEqual([
      { ip, network: ip },
      { ip: ipv6, network: '' },
    ])
  })
})
