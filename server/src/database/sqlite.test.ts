import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { CompiledQuery, Kysely, sql, type Generated } from 'kysely'
import { expect, it, onTestFinished } from 'vitest'
import { createSqliteDialect } from './sqlite.ts'

interface Things {
  things: {
    id: Generated<number>
    someText: string | null
    wholeNumber: number | bigint | null
    isSet: boolean | null
    happenedAt: Date | null
    someBytes: Uint8Array | null
    someJson: unknown
  }
}

async function openThings(): Promise<Kysely<Things>> {
  const db = new Kysely<Things>({ dialect: createSqliteDialect(new DatabaseSync(':memory:')) })
  onTestFinished(() => db.destroy())
  await db.schema
    .createTable('things')
    .addColumn('id', 'integer', (column) => column.primaryKey().autoIncrement())
    .addColumn('someText', 'text')
    .addColumn('wholeNumber', 'integer')
    .addColumn('isSet', 'boolean')
    .addColumn('happenedAt', 'timestamptz')
    .addColumn('someBytes', 'blob')
    .addColumn('someJson', 'jsonb')
    .execute()
  return db
}

const MOMENT = new Date('2026-11-22T12:00:00.001Z')

it('gives back every kind of value as it was given, from RETURNING and from select', async () => {
  const db = await openThings()
  const thing = {
    someText: 'سلام\u0000\n',
    wholeNumber: Number.MAX_SAFE_INTEGER,
    isSet: false,
    happenedAt: MOMENT,
    someBytes: new Uint8Array([0, 255]),
    someJson: { is_kept: [1, null, { aName: 'x' }] },
  }
  const returned = await db.insertInto('things').values(thing).returningAll().executeTakeFirst()
  expect(returned).toStrictEqual({ id: 1, ...thing })
  expect(await db.selectFrom('things').selectAll().executeTakeFirst()).toStrictEqual(returned)
})

it('gives back nothing as null in every column', async () => {
  const db = await openThings()
  const nothing = { someText: null, wholeNumber: null, isSet: null, happenedAt: null, someBytes: null, someJson: null }
  await db.insertInto('things').values(nothing).execute()
  expect(await db.selectFrom('things').selectAll().executeTakeFirst()).toStrictEqual({ id: 1, ...nothing })
})

it('reads a column by its declared type under another name and through a subquery', async () => {
  const db = await openThings()
  await db.insertInto('things').values({ happenedAt: MOMENT, isSet: true }).execute()
  const inner = db.selectFrom('things').select(['happenedAt', 'isSet as wasSet']).as('inner')
  const row = await db.selectFrom(inner).select(['happenedAt as wasAt', 'wasSet']).executeTakeFirst()
  expect(row).toStrictEqual({ wasAt: MOMENT, wasSet: true })
})

it('stores moments so that their order as text is their order in time', async () => {
  const db = await openThings()
  const moment = fc.date({
    min: new Date('0000-01-01T00:00:00Z'),
    max: new Date('9999-12-31T23:59:59.999Z'),
    noInvalidDate: true,
  })
  await fc.assert(
    fc.asyncProperty(moment, moment, async (one, other) => {
      await db.deleteFrom('things').execute()
      await db.insertInto('things').values({ happenedAt: one }).execute()
      const earlier = await db.selectFrom('things').select('happenedAt').where('happenedAt', '<', other).execute()
      expect(earlier).toStrictEqual(one < other ? [{ happenedAt: one }] : [])
    }),
  )
})

it('keeps any text and any bytes', async () => {
  const db = await openThings()
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary' }), fc.uint8Array(), async (someText, someBytes) => {
      const row = await db
        .insertInto('things')
        .values({ someText, someBytes })
        .returning(['someText', 'someBytes'])
        .executeTakeFirst()
      expect(row).toStrictEqual({ someText, someBytes })
    }),
  )
})

it.each([
  ['a moment in first place', MOMENT, '2026-11-22T12:00:00.001Z'],
  ['an object in first place', { $2: 'shifted' }, '{"$2":"shifted"}'],
  ['bytes in first place', new Uint8Array([1]), new Uint8Array([1])],
  ['true in first place', true, 1],
])('binds %s there, and the next parameter next to it', async (_, value, stored) => {
  const db = await openThings()
  const { rows } = await db.executeQuery(CompiledQuery.raw('select ?1 as one, ?2 as two', [value, 'second']))
  expect(rows).toStrictEqual([{ one: stored, two: 'second' }])
})

it.each([
  ['undefined', undefined],
  ['NaN', Number.NaN],
  ['Infinity', Infinity],
  ['a function', () => 1],
  ['a symbol', Symbol('s')],
  ['an invalid moment', new Date('never')],
  ['a moment after the year 9999', new Date(8.64e15)],
  ['a map', new Map([['k', 'v']])],
  [
    'an object of a class',
    new (class Address {
      readonly secret = 'hunter2'
    })(),
  ],
])('refuses to store %s, without repeating it', async (_, value) => {
  const db = await openThings()
  const query = CompiledQuery.raw('insert into things (some_text) values (?)', [value])
  const failure = await db.executeQuery(query).catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(TypeError)
  expect(String(failure)).not.toContain('hunter2')
  expect(await db.selectFrom('things').selectAll().execute()).toStrictEqual([])
})

it('refuses to read a number that JavaScript would round', async () => {
  const db = await openThings()
  await db
    .insertInto('things')
    .values({ wholeNumber: 2n ** 60n })
    .execute()
  await expect(db.selectFrom('things').select('wholeNumber').execute()).rejects.toThrow(/too large/i)
})

it('names in snake_case on disk what is camelCase here, aliases and raw references too', async () => {
  const db = await openThings()
  const query = db
    .selectFrom('things as someThings')
    .select(['someThings.someText', sql.ref('wholeNumber').as('theNumber')])
  expect(query.compile().sql).toBe(
    'select "some_things"."some_text", "whole_number" as "the_number" from "things" as "some_things"',
  )
  await db.insertInto('things').values({ someText: 'x', wholeNumber: 1 }).execute()
  expect(await query.execute()).toStrictEqual([{ someText: 'x', theNumber: 1 }])
})

it('takes a misspelt column for an error, never for a text', async () => {
  const db = await openThings()
  await expect(db.selectFrom('things').selectAll().where(sql.ref('sumText'), '=', 'x').execute()).rejects.toThrow(
    /no such column/,
  )
})

it('goes on with the same query after a column was added to its table', async () => {
  const db = await openThings()
  const all = db.selectFrom('things').selectAll()
  await db.insertInto('things').values({ someText: 'before' }).execute()
  expect(await all.executeTakeFirst()).toMatchObject({ id: 1, someText: 'before', happenedAt: null })
  await db.schema.alterTable('things').addColumn('extra', 'text').execute()
  expect(await all.executeTakeFirst()).toMatchObject({ id: 1, someText: 'before', happenedAt: null })
})

it('answers more different queries than it keeps prepared', async () => {
  const db = await openThings()
  await db.insertInto('things').values({ someText: 'x' }).execute()
  for (let round = 0; round < 2; round++) {
    for (let column = 0; column < 600; column++) {
      const { rows } = await sql<{ answer: number }>`select ${sql.lit(column)} as answer, id from things`.execute(db)
      expect(rows).toStrictEqual([{ answer: column, id: 1 }])
    }
  }
})
