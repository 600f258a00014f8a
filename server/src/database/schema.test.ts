import type { TestContext } from 'vitest'
import { afterAll, describe, expect, it } from 'vitest'
import { deliveryRow, insertUser, newId, NOON, openForTest, sessionRow, userRow } from '../../test/database.ts'
import { needsPostgres, stopPostgres } from '../../test/postgres.ts'
import { after, minutes } from '../kernel/duration.ts'
import { systemRandom } from '../kernel/random.ts'
import { columnsOf } from './columns.ts'
import { isUniqueViolation } from './errors.ts'
import { migrate } from './migrate.ts'
import { migrationsFor } from './migrations/all.ts'
import type { Database, Schema } from './schema.ts'

afterAll(stopPostgres)

async function openPostgres(context: TestContext): Promise<Database> {
  const db = await (await needsPostgres(context)).open()
  await migrate(db, { migrations: migrationsFor(columnsOf.postgres), where: 'for tests', beforeChange: () => {} })
  return db
}

const DATABASES: readonly [string, (context: TestContext) => Promise<Database>][] = [
  ['SQLite', () => openForTest()],
  ['PostgreSQL', openPostgres],
]

describe.each(DATABASES)('the tables on %s', (_, open) => {
  it('give back a user as it was stored, on RETURNING and on select alike', async (context) => {
    const db = await open(context)
    const verifiedAt = new Date('2026-02-03T04:05:06.789Z')
    const row = userRow('ana', {
      mailboxKey: 'ana@example.com',
      firstName: 'آنا',
      phone: '+989123456789',
      birthday: '1990-01-31',
      gender: 'F',
      language: 'fa',
      emailVerifiedAt: verifiedAt,
    })
    const returned = await db.insertInto('users').values(row).returningAll().executeTakeFirstOrThrow()
    expect(returned).toStrictEqual({
      ...row,
      id: 1,
      phoneVerifiedAt: null,
      pendingEmail: null,
      pendingPhone: null,
      adminSince: null,
      deactivatedAt: null,
      firstSignedInAt: null,
      emailFirstProvenAt: null,
      passwordResetAt: null,
      twoFactorSince: null,
      phoneSignInSince: null,
    })
    expect(await db.selectFrom('users').selectAll().executeTakeFirst()).toStrictEqual(returned)
  })

  it('give back bytes as bytes and find rows by them', async (context) => {
    const db = await open(context)
    const userId = await insertUser(db, 'ana')
    const valueHash = systemRandom.bytes(32)
    await db
      .insertInto('devices')
      .values({ id: newId(), userId, valueHash, createdAt: NOON, lastUsedAt: NOON })
      .execute()
    const found = await db
      .selectFrom('devices')
      .selectAll()
      .where('valueHash', '=', valueHash)
      .executeTakeFirstOrThrow()
    expect(Buffer.from(found.valueHash).equals(valueHash)).toBe(true)
    expect(found).toMatchObject({ userId, createdAt: NOON })
  })

  it('compare moments in time, to the millisecond', async (context) => {
    const db = await open(context)
    const userId = await insertUser(db, 'ana')
    const expiresAt = after(NOON, minutes(1))
    await db.insertInto('sessions').values(sessionRow(userId, { expiresAt })).execute()
    const liveAt = async (now: Date): Promise<number> =>
      (await db.selectFrom('sessions').select('id').where('expiresAt', '>', now).execute()).length
    expect(await liveAt(new Date(expiresAt.getTime() - 1))).toBe(1)
    expect(await liveAt(expiresAt)).toBe(0)
  })

  it('take one e-mail key once, and say that this is why', async (context) => {
    const db = await open(context)
    await insertUser(db, 'ana')
    const second = insertUser(db, 'ana', { email: 'ANA@example.com' })
    await expect(second).rejects.toSatisfy(isUniqueViolation)
  })

  it('take one mailbox once, and any number of users without one', async (context) => {
    const db = await open(context)
    await insertUser(db, 'ana', { mailboxKey: 'ana@gmail.com' })
    await expect(insertUser(db, 'a.na', { mailboxKey: 'ana@gmail.com' })).rejects.toSatisfy(isUniqueViolation)
    await insertUser(db, 'bo')
    await insertUser(db, 'cy')
  })

  it('let many claim a phone but only one have it verified', async (context) => {
    const db = await open(context)
    const phone = '+989123456789'
    await insertUser(db, 'ana', { phone, phoneVerifiedAt: NOON })
    const bo = await insertUser(db, 'bo', { phone })
    const cy = await insertUser(db, 'cy', { phone: '+989120000000', phoneVerifiedAt: NOON })
    const verify = db.updateTable('users').set({ phoneVerifiedAt: NOON }).where('id', '=', bo).execute()
    await expect(verify).rejects.toSatisfy(isUniqueViolation)
    const move = db.updateTable('users').set({ phone }).where('id', '=', cy).execute()
    await expect(move).rejects.toSatisfy(isUniqueViolation)
  })

  it('tell a unique violation from every other broken rule', async (context) => {
    const db = await open(context)
    const noSuchUser = db.insertInto('sessions').values(sessionRow(99)).execute()
    await expect(noSuchUser).rejects.not.toSatisfy(isUniqueViolation)
    await expect(insertUser(db, 'ana', { phoneVerifiedAt: NOON })).rejects.not.toSatisfy(isUniqueViolation)
    await expect(insertUser(db, 'ana', { birthday: 'yesterday' })).rejects.not.toSatisfy(isUniqueViolation)
  })

  it('refuse to keep the text of a message that is sent or dead', async (context) => {
    const db = await open(context)
    await expect(
      db
        .insertInto('deliveries')
        .values(deliveryRow({ status: 'sent' }))
        .execute(),
    ).rejects.toThrow(/check/i)
    await db
      .insertInto('deliveries')
      .values(deliveryRow({ status: 'sent', sealed: null }))
      .execute()
  })

  it('hold one open code for each user, asker, channel, address and purpose', async (context) => {
    const db = await open(context)
    const userId = await insertUser(db, 'ana')
    const binding = {
      userId,
      asker: newId(),
      channel: 'email',
      address: 'ana@example.com',
      purpose: 'verification',
    } as const
    const challenge = { ...binding, codeHash: systemRandom.bytes(32), createdAt: NOON, expiresAt: NOON }
    await db
      .insertInto('challenges')
      .values({ ...challenge, id: newId() })
      .execute()
    const again = db
      .insertInto('challenges')
      .values({ ...challenge, id: newId() })
      .execute()
    await expect(again).rejects.toSatisfy(isUniqueViolation)
    await db
      .insertInto('challenges')
      .values({ ...challenge, id: newId(), asker: newId() })
      .execute()
    expect(await db.selectFrom('challenges').select('tries').execute()).toStrictEqual([{ tries: 0 }, { tries: 0 }])
  })

  it('let everything of a user go with the user, but for the record of what was sent', async (context) => {
    const db = await open(context)
    const userId = await insertUser(db, 'ana')
    const expiring = { createdAt: NOON, expiresAt: NOON }
    const challenge = { channel: 'phone', address: '+989123456789', purpose: 'verification' } as const
    const valueHash = systemRandom.bytes(32)
    await db.insertInto('sessions').values(sessionRow(userId)).execute()
    await db
      .insertInto('challenges')
      .values({ id: newId(), userId, asker: newId(), ...challenge, codeHash: valueHash, ...expiring })
      .execute()
    await db
      .insertInto('factorFailures')
      .values({ userId, method: 'phone', purpose: 'verification', failures: 1 })
      .execute()
    await db
      .insertInto('devices')
      .values({ id: newId(), userId, valueHash, createdAt: NOON, lastUsedAt: NOON })
      .execute()
    await db.insertInto('deliveries').values(deliveryRow({ userId })).execute()
    await db.deleteFrom('users').where('id', '=', userId).execute()
    const rowsOf = (table: keyof Schema): Promise<unknown[]> => db.selectFrom(table).selectAll().execute()
    const tables = ['sessions', 'challenges', 'factorFailures', 'devices'] as const
    expect(await Promise.all(tables.map(rowsOf))).toStrictEqual([[], [], [], []])
    expect(await db.selectFrom('deliveries').select('userId').execute()).toStrictEqual([{ userId: null }])
  })

  it('never give a user id out twice, not even the highest one after its user is gone', async (context) => {
    const db = await open(context)
    await insertUser(db, 'ana')
    const bo = await insertUser(db, 'bo')
    await db.deleteFrom('users').where('id', '=', bo).execute()
    expect(await insertUser(db, 'cy')).toBe(bo + 1)
    await db.deleteFrom('users').execute()
    expect(await insertUser(db, 'di')).toBe(bo + 2)
  })

  it('count rows that an update or delete touched alike', async (context) => {
    const db = await open(context)
    await insertUser(db, 'ana')
    await insertUser(db, 'bo')
    const updated = await db.updateTable('users').set({ firstName: 'x' }).executeTakeFirstOrThrow()
    expect(updated.numUpdatedRows).toBe(2n)
    const deleted = await db.deleteFrom('users').where('emailKey', '=', 'bo@example.com').executeTakeFirstOrThrow()
    expect(deleted.numDeletedRows).toBe(1n)
  })

  it('let one of 16 take what there is once, in every one of 20 rounds', async (context) => {
    // Fails once `consumedAt is null` is left out of the statement: then all 16 win.
    const db = await open(context)
    const userId = await insertUser(db, 'ana')
    for (let round = 0; round < 20; round++) {
      const id = newId()
      const challenge = { channel: 'email', address: 'ana@example.com', purpose: 'verification' } as const
      const row = {
        id,
        userId,
        asker: newId(),
        ...challenge,
        codeHash: systemRandom.bytes(32),
        createdAt: NOON,
        expiresAt: NOON,
      }
      await db.insertInto('challenges').values(row).execute()
      const takes = Array.from({ length: 16 }, () =>
        db
          .updateTable('challenges')
          .set({ consumedAt: NOON })
          .where('id', '=', id)
          .where('consumedAt', 'is', null)
          .returning('id')
          .executeTakeFirst(),
      )
      const winners = (await Promise.all(takes)).filter((taken) => taken !== undefined)
      expect(winners).toHaveLength(1)
    }
  })
})
