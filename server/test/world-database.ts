import { sql } from 'kysely'
import { onTestFinished } from 'vitest'
import type { Database } from '../src/database/schema.ts'
import { systemRandom } from '../src/kernel/random.ts'
import { inDatabase, ownPostgres } from './postgres.ts'

/** Whether worlds are on PostgreSQL: TEST_DATABASE=postgres, for `npm run test:postgres`. */
export const IS_ON_POSTGRES = process.env['TEST_DATABASE'] === 'postgres'

const free: string[] = []

/** What a world's settings name a database of its own by: an empty one, given back when the test ends. */
export async function databaseSettings(): Promise<Record<string, string>> {
  const url = free.pop() ?? (await (await ownPostgres()).create(process.env['TEST_DATABASE_TEMPLATE']))
  onTestFinished(async () => {
    await inDatabase(url, empty)
    free.push(url)
  })
  return { DATABASE_URL: url, SECRET_KEY: Buffer.from(systemRandom.bytes(32)).toString('hex') }
}

/** As a migrated database is before its first start. Far quicker than another one. */
async function empty(db: Database): Promise<void> {
  const { rows } = await sql<{ name: string }>`
    select tablename as name from pg_tables where schemaname = current_schema() and tablename not like 'kysely%'`.execute(
    db,
  )
  await sql`truncate ${sql.join(rows.map(({ name }) => sql.id(name)))} restart identity`.execute(db)
}
