import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { sql } from 'kysely'
import { expect, it } from 'vitest'
import { insertUser, openForTest, temporaryFolder, userRow } from '../../test/database.ts'
import { isUniqueViolation, sqliteErrorCode } from './errors.ts'
import type { Database } from './schema.ts'

const SQLITE_FULL = 13
const FAR_MORE_THAN_A_BATCH = 1000

interface Watched {
  readonly db: Database
  readonly path: string
  /** Every statement from now on, in order. */
  readonly seen: string[]
  /** Fails the statements it says yes to. */
  breakAt(isBroken: (statement: string) => boolean): void
}

async function openWatched(): Promise<Watched> {
  const path = join(temporaryFolder(), 'latchkey.db')
  const seen: string[] = []
  let isBroken = (_: string): boolean => false
  const beforeStatement = (statement: string): void => {
    seen.push(statement)
    if (isBroken(statement)) throw new Error('the disk is gone')
  }
  const db = await openForTest({ location: { kind: 'file', path }, beforeStatement })
  seen.length = 0
  return { db, path, seen, breakAt: (given) => (isBroken = given) }
}

const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `user${index}`)

const insertAtOnce = (db: Database, given: readonly string[]): Promise<PromiseSettledResult<number>[]> =>
  Promise.allSettled(given.map((name) => insertUser(db, name)))

const emailsIn = async (db: Database): Promise<string[]> =>
  (await db.selectFrom('users').select('email').orderBy('id').execute()).map((user) => user.email)

const emailsOf = (given: readonly string[]): string[] => given.map((name) => `${name}@example.com`)

/** What another process would find in the file at this moment. */
function committed(path: string): unknown[] {
  const other = new DatabaseSync(path, { readOnly: true })
  try {
    return other
      .prepare('select email from users order by id')
      .all()
      .map((row) => row['email'])
  } finally {
    other.close()
  }
}

const count = (seen: readonly string[], statement: string): number => seen.filter((each) => each === statement).length

it('makes 200 single writes at once durable with one commit, in the order of asking', async () => {
  const { db, path, seen } = await openWatched()
  await insertAtOnce(db, names(200))
  expect(committed(path)).toStrictEqual(emailsOf(names(200)))
  expect(count(seen, 'begin immediate')).toBe(1)
  expect(count(seen, 'commit')).toBe(1)
})

it('bounds how many share a commit', async () => {
  const { db, seen } = await openWatched()
  await insertAtOnce(db, names(FAR_MORE_THAN_A_BATCH))
  expect(await emailsIn(db)).toHaveLength(FAR_MORE_THAN_A_BATCH)
  expect(count(seen, 'commit')).toBe(4)
})

it('tells nobody the outcome of a write, good or bad, before it is on the disk', async () => {
  // Fails when `join` does not wait for the end of the batch.
  const { db, path, seen } = await openWatched()
  const told = names(20).map(async (name) => {
    const { id } = await db.insertInto('users').values(userRow(name)).returning('id').executeTakeFirstOrThrow()
    expect(seen).toContain('commit')
    expect(committed(path)).toContain(`${name}@example.com`)
    return id
  })
  const taken = await insertUser(db, 'user0').catch((error: unknown) => error)
  expect(seen).toContain('commit')
  expect(isUniqueViolation(taken)).toBe(true)
  expect(await Promise.all(told)).toStrictEqual(names(20).map((_, index) => index + 1))
})

it('shows a read nothing that is not committed, and a writer what it has written', async () => {
  const { db } = await openWatched()
  const write = insertUser(db, 'ana')
  const meanwhile = emailsIn(db)
  await write
  expect(await meanwhile).toStrictEqual([])
  expect(await emailsIn(db)).toStrictEqual(['ana@example.com'])
})

it('lets a write that breaks a constraint, or names what is not there, harm no other', async () => {
  const { db, seen } = await openWatched()
  const mistaken = sql.ref('noSuchColumn')
  const outcomes = await Promise.allSettled([
    insertUser(db, 'ana'),
    insertUser(db, 'ana'),
    db.deleteFrom('users').where(mistaken, '=', 1).execute(),
    insertUser(db, 'bo'),
  ])
  expect(outcomes.map(({ status }) => status)).toStrictEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled'])
  expect(count(seen, 'commit')).toBe(1)
  expect(await emailsIn(db)).toStrictEqual(emailsOf(['ana', 'bo']))
})

it('fails all that share a commit when that fails, keeps none of them, and goes on', async () => {
  const { db, path, breakAt } = await openWatched()
  breakAt((statement) => statement === 'commit')
  const outcomes = await insertAtOnce(db, ['ana', 'ana', 'bo'])
  // The second one too: whom it found there is not there.
  expect(outcomes.map((outcome) => outcome.status === 'rejected' && String(outcome.reason))).toStrictEqual(
    Array.from({ length: 3 }, () => 'Error: the disk is gone'),
  )
  expect(committed(path)).toStrictEqual([])
  breakAt(() => false)
  await insertAtOnce(db, ['cy', 'dee'])
  expect(committed(path)).toStrictEqual(emailsOf(['cy', 'dee']))
})

it('fails a write whose own statement or whose begin fails, and goes on', async () => {
  const { db, breakAt } = await openWatched()
  for (const broken of ['begin immediate', 'insert into "users"']) {
    breakAt((statement) => statement.startsWith(broken))
    await expect(insertUser(db, 'ana'), broken).rejects.toThrow('the disk is gone')
    expect(await emailsIn(db), broken).toStrictEqual([])
  }
  breakAt(() => false)
  await insertUser(db, 'ana')
})

it('fails all that meet a full disk together, keeps none of them, and goes on', async () => {
  const { db, path } = await openWatched()
  const { rows } = await sql<{ pageCount: number }>`pragma page_count`.execute(db)
  await sql`pragma max_page_count = ${sql.lit(rows[0]!.pageCount + 2)}`.execute(db)
  const filling = names(100).map((name) => insertUser(db, name, { firstName: 'x'.repeat(1000) }))
  const outcomes = await Promise.allSettled(filling)
  const [first] = outcomes
  expect(first?.status === 'rejected' && sqliteErrorCode(first.reason)).toBe(SQLITE_FULL)
  // Those after the first failure are a batch of their own.
  const kept = outcomes.flatMap((outcome, index) => (outcome.status === 'fulfilled' ? [`user${index}`] : []))
  expect(committed(path)).toStrictEqual(emailsOf(kept))
  await sql`pragma max_page_count = 100000`.execute(db)
  await insertUser(db, 'ana')
})

it('gives a transaction its turn between the writes asked before it and those asked after', async () => {
  const { db, seen } = await openWatched()
  const before = insertAtOnce(db, ['a', 'b'])
  const transaction = db.transaction().execute(async (db) => {
    expect(await emailsIn(db)).toStrictEqual(emailsOf(['a', 'b']))
    await insertUser(db, 'c')
    await insertUser(db, 'd')
  })
  const after = insertAtOnce(db, ['e', 'f'])
  await Promise.all([before, transaction, after])
  expect(await emailsIn(db)).toStrictEqual(emailsOf(['a', 'b', 'c', 'd', 'e', 'f']))
  expect(count(seen, 'commit')).toBe(3)
})

it('reads on while a transaction is open, without what it has not committed', async () => {
  const { db } = await openWatched()
  const outer = db
  const holding = Promise.withResolvers<void>()
  const read = Promise.withResolvers<void>()
  const transaction = db.transaction().execute(async (db) => {
    await insertUser(db, 'ana')
    holding.resolve()
    await read.promise
  })
  await holding.promise
  expect(await emailsIn(outer)).toStrictEqual([])
  read.resolve()
  await transaction
  expect(await emailsIn(outer)).toStrictEqual(['ana@example.com'])
})

it('says so at once when the outer handle reads or writes inside a transaction', async () => {
  const { db } = await openWatched()
  const outer = db
  const uses: (() => Promise<unknown>)[] = [() => emailsIn(outer), () => insertUser(outer, 'ana')]
  for (const use of uses) {
    await expect(db.transaction().execute(use)).rejects.toThrow(/use the handle it was given/)
  }
})

it('commits what has run before it closes', async () => {
  const { db, path, seen } = await openWatched()
  const writes = insertAtOnce(db, names(3))
  while (count(seen, seen.at(-1) ?? '') < 3) await Promise.resolve()
  await db.destroy()
  expect((await writes).map(({ status }) => status)).toStrictEqual(['fulfilled', 'fulfilled', 'fulfilled'])
  expect(committed(path)).toStrictEqual(emailsOf(names(3)))
})

it('shares the file with another that writes in batches too, and loses nothing', async () => {
  const { db, path } = await openWatched()
  const other = await openForTest({ location: { kind: 'file', path } })
  const writeTo = async (one: Database, prefix: string): Promise<void> => {
    for (let round = 0; round < 10; round++) {
      await Promise.all(names(20).map((name) => insertUser(one, `${prefix}-${round}-${name}`)))
    }
  }
  await Promise.all([writeTo(db, 'one'), writeTo(other, 'other')])
  expect(committed(path)).toHaveLength(400)
})

it('sees at the next read what another process has changed, its tables too', async () => {
  const { db, path } = await openWatched()
  await insertUser(db, 'ana')
  const all = db.selectFrom('users').selectAll()
  const [before] = await all.execute()
  const other = new DatabaseSync(path)
  other.exec("alter table users add column extra text; update users set first_name = 'Ana'")
  other.close()
  expect(await all.execute()).toStrictEqual([{ ...before, firstName: 'Ana' }])
})

it('does not let the log grow under reads and writes without end', async () => {
  // Fails with `wal_autocheckpoint = 0`.
  const { db } = await openWatched()
  for (let round = 0; round < 50; round++) {
    const writes = names(50).map((name) => insertUser(db, `${round}-${name}`, { firstName: 'x'.repeat(4000) }))
    const reads = [1, 2].map(() => db.selectFrom('users').select('email').limit(10).execute())
    await Promise.all([...writes, ...reads])
  }
  const { rows } = await sql<{ log: number }>`pragma wal_checkpoint(passive)`.execute(db)
  expect(rows[0]!.log).toBeLessThan(1500) // pages, of more than 2500; SQLite folds them into the file from 1000 on
})
