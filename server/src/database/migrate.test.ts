import { readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Migration } from 'kysely/migration'
import { expect, it } from 'vitest'
import { insertUser, openForTest, temporaryFolder } from '../../test/database.ts'
import { columnsOf } from './columns.ts'
import { copyAside } from './file.ts'
import { migrate } from './migrate.ts'
import { migrationsFor } from './migrations/all.ts'
import type { Database } from './schema.ts'

const known = migrationsFor(columnsOf.sqlite)

const adds = (column: string): Migration => ({
  up: (db) => db.schema.alterTable('users').addColumn(column, 'text').execute(),
})

async function migrateWith(
  db: Database,
  more: Record<string, Migration>,
): Promise<{ ran: string[]; warned: string[] }> {
  const warned: string[] = []
  const beforeChange = (first: string): void => void warned.push(first)
  const ran = await migrate(db, { migrations: { ...known, ...more }, where: 'for tests', beforeChange })
  return { ran, warned }
}

it('runs each migration once, in the order of their names, and warns before with the first', async () => {
  const db = await openForTest()
  const more = { '9002_later': adds('b'), '9001_next': adds('a') }
  expect(await migrateWith(db, more)).toStrictEqual({ ran: ['9001_next', '9002_later'], warned: ['9001_next'] })
  expect(await migrateWith(db, more)).toStrictEqual({ ran: [], warned: [] })
})

it('runs each migration once when several ask at the same time', async () => {
  const db = await openForTest()
  const outcomes = await Promise.all([1, 2, 3, 4].map(() => migrateWith(db, { '9001_next': adds('a') })))
  expect(outcomes.flatMap((outcome) => outcome.ran)).toStrictEqual(['9001_next'])
})

it('undoes all of them when one fails, and says which', async () => {
  const db = await openForTest()
  await insertUser(db, 'ana')
  const failing = migrateWith(db, { '9001_next': adds('a'), '9002_broken': adds('a') })
  await expect(failing).rejects.toThrow('Migration 9002_broken failed and was undone')
  expect(Object.keys((await db.selectFrom('users').selectAll().executeTakeFirst())!)).not.toContain('a')
  expect((await migrateWith(db, { '9001_next': adds('a') })).ran).toStrictEqual(['9001_next'])
})

it('keeps the three newest copies, and none that is unfinished', async () => {
  const path = join(temporaryFolder(), 'latchkey.db')
  await openForTest({ location: { kind: 'file', path } })
  writeFileSync(`${path}.before-0001_z.unfinished`, 'what a crash left')
  for (const name of ['0002_a', '0003_b', '0004_c', '0004_c', '0005_d']) copyAside(path, name)
  const copies = readdirSync(dirname(path)).filter((name) => name.includes('.before-'))
  expect(copies.toSorted()).toStrictEqual(['0003_b', '0004_c', '0005_d'].map((name) => `latchkey.db.before-${name}`))
})
