import { sql } from 'kysely'
import { expect, it } from 'vitest'
import { insertUser, openForTest } from '../../test/database.ts'
import { sqliteErrorCode } from './errors.ts'
import type { Database } from './schema.ts'

const SQLITE_FULL = 13

const namesOf = async (db: Database): Promise<string[]> =>
  (await db.selectFrom('users').select('firstName').orderBy('id').execute()).map((user) => user.firstName)

/** A turn of the event loop: whatever could go on without waiting has done so. */
const turn = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve)
  })

it('keeps all of a transaction or, when it throws, nothing', async () => {
  const db = await openForTest()
  await db.transaction().execute((db) => insertUser(db, 'ana'))
  const failing = db.transaction().execute(async (db) => {
    await insertUser(db, 'bo')
    throw new Error('no')
  })
  await expect(failing).rejects.toThrow('no')
  expect(await db.selectFrom('users').select('email').execute()).toStrictEqual([{ email: 'ana@example.com' }])
})

it('keeps what is outside out of a transaction that is open', async () => {
  const db = await openForTest()
  await insertUser(db, 'ana')
  const steps: string[] = []
  const transaction = db.transaction().execute(async (db) => {
    await db.updateTable('users').set({ firstName: 'half' }).execute()
    await turn()
    await turn()
    steps.push('committing')
    await db.updateTable('users').set({ firstName: 'whole' }).execute()
  })
  const outside = namesOf(db).then((names) => steps.push(...names))
  await Promise.all([transaction, outside])
  expect(steps).toStrictEqual(['committing', 'whole'])
})

it('gives 200 transactions at once each a turn, in the order they asked, and loses no update', async () => {
  const db = await openForTest()
  await insertUser(db, 'ana', { firstName: '0' })
  const order: number[] = []
  const increment = (index: number): Promise<void> =>
    db.transaction().execute(async (db) => {
      const { firstName } = await db.selectFrom('users').select('firstName').executeTakeFirstOrThrow()
      await turn()
      await db
        .updateTable('users')
        .set({ firstName: String(Number(firstName) + 1) })
        .execute()
      order.push(index)
    })
  const indexes = Array.from({ length: 200 }, (_, index) => index)
  await Promise.all(indexes.map(increment))
  expect(await namesOf(db)).toStrictEqual(['200'])
  expect(order).toStrictEqual(indexes)
})

it('says so at once, instead of hanging, when the outer handle is used inside a transaction', async () => {
  const db = await openForTest()
  const outer = db
  const nested = db.transaction().execute(async () => {
    await turn()
    await namesOf(outer)
  })
  await expect(nested).rejects.toThrow(/use the handle it was given/)
  const twice = db.transaction().execute(() => outer.transaction().execute(async () => {}))
  await expect(twice).rejects.toThrow(/use the handle it was given/)
  expect(await namesOf(db)).toStrictEqual([])
})

it('lets code that was started inside a transaction use the outer handle once that has ended', async () => {
  const db = await openForTest()
  let later: Promise<string[]> | undefined
  await db.transaction().execute(async () => {
    later = turn()
      .then(turn)
      .then(() => namesOf(db))
  })
  const another = db.transaction().execute(turn)
  expect(await later).toStrictEqual([])
  await another
})

it('leaves nothing behind whichever statement of a transaction fails, and goes on', async () => {
  let countdown = Infinity
  const beforeStatement = (): void => {
    if (--countdown === 0) throw new Error('the disk is gone')
  }
  const db = await openForTest({ beforeStatement })
  const register = (): Promise<void> =>
    db.transaction().execute(async (db) => {
      await insertUser(db, 'ana')
      await insertUser(db, 'bo')
    })
  const statements = ['begin', 'first insert', 'second insert', 'commit']
  for (const [index, statement] of statements.entries()) {
    countdown = index + 1
    await expect(register(), statement).rejects.toThrow('the disk is gone')
    expect(await namesOf(db), statement).toStrictEqual([])
  }
  await register()
  expect(await namesOf(db)).toHaveLength(2)
})

it('survives a full disk: the transaction is undone, its cause is told, the next one works', async () => {
  const db = await openForTest()
  const { rows } = await sql<{ pageCount: number }>`pragma page_count`.execute(db)
  await sql`pragma max_page_count = ${sql.lit(rows[0]!.pageCount + 2)}`.execute(db)
  const filling = db.transaction().execute(async (db) => {
    for (let n = 0; n < 100; n++) await insertUser(db, `user${n}`, { firstName: 'x'.repeat(1000) })
  })
  const failure = await filling.catch((error: unknown) => error)
  expect(sqliteErrorCode(failure)).toBe(SQLITE_FULL)
  expect(await namesOf(db)).toStrictEqual([])
  await db.transaction().execute((db) => insertUser(db, 'ana'))
})
