import { setTimeout } from 'node:timers/promises'
import { sql } from 'kysely'
import pino from 'pino'
import { afterAll, describe, expect, it, onTestFinished, type TestContext } from 'vitest'
import { insertUser } from '../../test/database.ts'
import { createRelay, type Relay } from '../../test/faults/relay.ts'
import { inDatabase, needsPostgres, stopPostgres } from '../../test/postgres.ts'
import { DatabaseBusy, NothingDone } from './errors.ts'
import { openDatabase, type OpenDatabase } from './open.ts'
import type { Database } from './schema.ts'
import type { BeforeStatement } from './statements.ts'

afterAll(stopPostgres)

interface Opened extends OpenDatabase {
  readonly url: string
}

async function open(t: TestContext, beforeStatement?: BeforeStatement): Promise<Opened> {
  const url = await (await needsPostgres(t)).create(process.env['TEST_DATABASE_TEMPLATE'])
  return openAt(url, beforeStatement)
}

async function openAt(url: string, beforeStatement?: BeforeStatement): Promise<Opened> {
  const opened = await openDatabase({
    location: { kind: 'postgres', url },
    ...(beforeStatement && { beforeStatement }),
  })
  onTestFinished(() => opened.close())
  return { ...opened, url }
}

/** The same database, by way of a relay that may be shut. */
async function openByRelay(t: TestContext, beforeStatement?: BeforeStatement): Promise<Opened & { relay: Relay }> {
  const url = new URL(await (await needsPostgres(t)).create(process.env['TEST_DATABASE_TEMPLATE']))
  const relay = await createRelay(Number(url.port))
  onTestFinished(() => relay[Symbol.asyncDispose]())
  await relay.turn('fair')
  url.port = String(relay.port)
  return { ...(await openAt(url.href, beforeStatement)), relay }
}

const endEveryOther = (url: string): Promise<unknown> =>
  inDatabase(url, (db) =>
    sql`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()`.execute(db),
  )

const countUsers = async (db: Database): Promise<number> => (await db.selectFrom('users').select('id').execute()).length

const raise = (code: string) => sql`do ${sql.lit(`begin raise exception 'no' using errcode = '${code}'; end`)}`

it('goes on over new connections when the server has closed those that were idle', async (t) => {
  const { db, url } = await open(t)
  await Promise.all(Array.from({ length: 5 }, (_, index) => insertUser(db, `user${index}`)))
  await endEveryOther(url)
  const asked = Array.from({ length: 8 }, () => countUsers(db))
  expect(await Promise.all(asked)).toEqual(Array(8).fill(5))
  await endEveryOther(url)
  await db.transaction().execute((db) => insertUser(db, 'late'))
  expect(await countUsers(db)).toBe(6)
})

// Seen failing (57P01 thrown) without `repeated` in `RepeatingKysely`.
it('begins a transaction anew that lost its connection before it was committed', async (t) => {
  const { db, url } = await open(t)
  let begun = 0
  await db.transaction().execute(async (db) => {
    await insertUser(db, 'ana')
    if (++begun === 1) await endEveryOther(url)
    await insertUser(db, 'bo')
  })
  expect(begun).toBe(2)
  expect(await countUsers(db)).toBe(2)
})

it('never repeats a transaction that lost its connection while it was committed', async (t) => {
  let armed = false
  const { db, relay } = await openByRelay(t, (text) => {
    if (!armed || text !== 'commit') return
    armed = false
    relay.turn('refused').catch(() => {})
  })
  armed = true
  let begun = 0
  const transaction = db.transaction().execute(async (db) => {
    begun++
    await insertUser(db, 'ana')
  })
  const error: unknown = await transaction.catch((error: unknown) => error)
  expect(error).toBeInstanceOf(DatabaseBusy)
  expect(error).not.toBeInstanceOf(NothingDone)
  expect(begun).toBe(1)
})

it('never repeats a single write whose connection was lost, and does repeat a read', async (t) => {
  const sent: string[] = []
  let armed = ''
  const { db, relay } = await openByRelay(t, (text) => {
    sent.push(text)
    if (armed === '' || !text.startsWith(armed)) return
    armed = ''
    relay
      .turn('refused')
      .then(() => relay.turn('fair'))
      .catch(() => {})
  })
  armed = 'insert'
  await expect(insertUser(db, 'ana')).rejects.toThrow(DatabaseBusy)
  expect(sent.filter((text) => text.startsWith('insert into "users"'))).toHaveLength(1)
  await setTimeout(100)
  armed = 'select "id"'
  sent.length = 0
  expect([0, 1]).toContain(await countUsers(db))
  expect(sent.filter((text) => text.startsWith('select "id"'))).toHaveLength(2)
})

it('answers with a 503 while the server is away, and goes on when it is back', async (t) => {
  const { db, relay } = await openByRelay(t)
  await insertUser(db, 'ana')
  await relay.turn('refused')
  const refusal: unknown = await countUsers(db).catch((error: unknown) => error)
  expect(refusal).toMatchObject({ code: 'overloaded', details: { headers: { 'retry-after': '1' } } })
  await expect(db.transaction().execute((db) => insertUser(db, 'bo'))).rejects.toThrow(DatabaseBusy)
  await relay.turn('fair')
  expect(await countUsers(db)).toBe(1)
})

it('gives up with a 503 when the server takes a statement and says nothing', async (t) => {
  const { db, relay } = await openByRelay(t)
  await insertUser(db, 'ana')
  await relay.turn('silent')
  await expect(countUsers(db)).rejects.toThrow(DatabaseBusy)
})

it('lets two transactions that wait for each other both be done', async (t) => {
  const { db } = await open(t)
  const [ana, bo] = [await insertUser(db, 'ana'), await insertUser(db, 'bo')]
  let begun = 0
  const rename = (first: number, second: number) =>
    db.transaction().execute(async (db) => {
      begun++
      await db.updateTable('users').set({ firstName: 'x' }).where('id', '=', first).execute()
      await setTimeout(100)
      await db.updateTable('users').set({ firstName: 'x' }).where('id', '=', second).execute()
    })
  await Promise.all([rename(ana, bo), rename(bo, ana)])
  expect(begun).toBe(3)
})

describe.each([
  ['40001', 3],
  ['40P01', 3],
  ['57P01', 3],
  ['55P03', 1],
  ['57014', 1],
  ['25006', 1],
  ['53300', 1],
] as const)('the error %s', (code, attempts) => {
  it(`is told as a 503 after ${attempts === 1 ? 'one attempt' : 'three attempts'}`, async (t) => {
    const { db } = await open(t)
    let begun = 0
    const transaction = db.transaction().execute(async (db) => {
      begun++
      await raise(code).execute(db)
    })
    await expect(transaction).rejects.toThrow(DatabaseBusy)
    expect(begun).toBe(attempts)
  })
})

it('throws any other error as it is, and tells what broke a transaction rather than that it is broken', async (t) => {
  const { db } = await open(t)
  await expect(raise('22012').execute(db)).rejects.toMatchObject({ code: '22012' })
  const swallowed = db.transaction().execute(async (db) => {
    await insertUser(db, 'ana')
    await raise('22012')
      .execute(db)
      .catch(() => {})
  })
  await expect(swallowed).rejects.toThrow('had failed was to be committed')
  expect(await countUsers(db)).toBe(0)
})

// PostgreSQL quotes the row in what it says beside the message, or the value in the message, and a log keeps all of an error.
it('throws no error that quotes what a row holds', async (t) => {
  const { db } = await open(t)
  await insertUser(db, 'canary')
  const wrongs: (() => Promise<unknown>)[] = [
    () => insertUser(db, 'canary'),
    () => insertUser(db, 'second-canary', { gender: 'canary-gender' as 'F' }),
    () => sql`select ${'canary-uuid'}::uuid`.execute(db),
  ]
  for (const wrong of wrongs) {
    const error: unknown = await wrong().catch((error: unknown) => error)
    expect(error).toMatchObject({ code: expect.stringMatching(/^2[23]/) })
    expect(JSON.stringify(pino.stdSerializers.err(error as Error))).not.toContain('canary')
  }
})

it('keeps its prepared statements right when another process changes a table or a pooler forgets them', async (t) => {
  const { db, url } = await open(t)
  const all = () => db.selectFrom('meta').selectAll().where('key', '=', 'x').execute()
  await db.insertInto('meta').values({ key: 'x', value: 'y' }).execute()
  await all()
  await inDatabase(url, (db) => sql`alter table meta add column more integer`.execute(db))
  expect(await all()).toEqual([{ key: 'x', value: 'y', more: null }])
  await db.transaction().execute(async (db) => {
    await sql`deallocate all`.execute(db)
    expect(await all()).toHaveLength(1)
  })
  await sql`deallocate all`.execute(db)
  expect(await all()).toHaveLength(1)
})

// Seen with room for none of ours: as many texts as there are lengths of names, each kept by every connection.
it('prepares what is asked often whatever many-valued statements strangers bring about before', async (t) => {
  const { db } = await open(t)
  const values = Array.from({ length: 60 }, (_, index) => index)
  for (let length = 0; length < 520; length++)
    await sql`select ${sql.lit(length)}::int where 1 in (${sql.join(values)})`.execute(db)
  await db.selectFrom('meta').select('value').where('key', '=', 'x').execute()
  const { rows } = await sql`select statement from pg_prepared_statements`.execute(db)
  expect(rows).toEqual([{ statement: 'select "value" from "meta" where "key" = $1' }])
})

it('reads bytes, moments, numbers and JSON as SQLite gives them', async (t) => {
  const { db } = await open(t)
  const { rows } = await sql`
    select ${new Uint8Array([0, 255])}::bytea as some_bytes, 9007199254740991::int8 as whole, 1.5::numeric as part,
      ${{ a: [1] }}::jsonb as object, ${[1, 'b']}::jsonb as list,
      ${new Date('2026-11-22T12:00:00.123Z')}::timestamptz as moment`.execute(db)
  expect(rows).toStrictEqual([
    {
      someBytes: new Uint8Array([0, 255]),
      whole: 9007199254740991,
      part: 1.5,
      object: { a: [1] },
      list: [1, 'b'],
      moment: new Date('2026-11-22T12:00:00.123Z'),
    },
  ])
})

it('takes no more connections than its share, and tells how many it has', async (t) => {
  const { db, stats, url } = await open(t)
  const asked = Promise.all(Array.from({ length: 30 }, () => sql`select pg_sleep(0.05)`.execute(db)))
  await setTimeout(40)
  expect(stats()!.total).toBeLessThanOrEqual(10)
  await asked
  const few = await openAt(`${url}?max=2`)
  await Promise.all(Array.from({ length: 9 }, () => countUsers(few.db)))
  expect(few.stats()).toEqual({ total: 2, idle: 2, waiting: 0 })
})
