import type { TestContext } from 'vitest'
import { columnsOf } from '../src/database/columns.ts'
import { migrate } from '../src/database/migrate.ts'
import { migrationsFor } from '../src/database/migrations/all.ts'
import type { Database } from '../src/database/schema.ts'
import { openForTest } from './database.ts'
import { needsPostgres } from './postgres.ts'

export async function openPostgres(context: TestContext): Promise<Database> {
  const template = process.env['TEST_DATABASE_TEMPLATE']
  const db = await (await needsPostgres(context)).open(template)
  if (template !== undefined) return db
  await migrate(db, { migrations: migrationsFor(columnsOf.postgres), where: 'for tests', beforeChange: () => {} })
  return db
}

/** For `describe.each`; with `afterAll(stopPostgres)`. */
export const DATABASES: readonly [string, (context: TestContext) => Promise<Database>][] = [
  ['SQLite', () => openForTest()],
  ['PostgreSQL', openPostgres],
]

/** Twenty at once, each in a transaction of its own. */
export const twentyAtOnce = <T>(db: Database, act: (db: Database, index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: 20 }, (_, index) => db.transaction().execute((db) => act(db, index))))
