import { sql } from 'kysely'
import { openDatabase } from '../src/database/open.ts'
import { startEmbeddedPostgres } from './postgres-server.ts'
import { inDatabase, TEST_DATABASES, withDatabase } from './postgres.ts'

// Found by its name, since a server of the developer's own may keep it from a run that was broken off.
const TEMPLATE = `${TEST_DATABASES}template`

/**
 * One PostgreSQL for the whole run, where many files will want it: in CI, and where TEST_DATABASE=postgres has every world
 * on it. TEST_DATABASE_URL names a server of the developer's own in its place, whose user may make databases.
 */
export async function setup(): Promise<(() => Promise<void>) | undefined> {
  const isWanted = process.env['TEST_DATABASE'] === 'postgres' || process.env['CI'] !== undefined
  const own = process.env['TEST_DATABASE_URL']
  if (!isWanted && !own) return undefined
  const server = own ? { url: own, stop: async () => {} } : await startEmbeddedPostgres().catch(skipTheRun)
  process.env['TEST_DATABASE_URL'] = server.url
  await dropAll(server.url)
  await inDatabase(server.url, (db) =>
    sql`create database ${sql.id(TEMPLATE)} template template0 encoding 'UTF8'`.execute(db),
  )
  const { close } = await openDatabase({ location: { kind: 'postgres', url: withDatabase(server.url, TEMPLATE) } })
  await close()
  process.env['TEST_DATABASE_TEMPLATE'] = TEMPLATE
  return async () => {
    if (own) await dropAll(own)
    await server.stop()
  }
}

/** Where this machine cannot run PostgreSQL nothing of a run on it can be asked: said aloud, and a failure in CI alone. */
function skipTheRun(error: unknown): never {
  if (process.env['CI'] !== undefined) throw error
  console.warn(`skipped: PostgreSQL does not start here: ${String(error)}`)
  process.exit(0)
}

const dropAll = (url: string): Promise<void> =>
  inDatabase(url, async (db) => {
    const { rows } = await sql<{ name: string }>`
      select datname as name from pg_database where starts_with(datname, ${TEST_DATABASES})`.execute(db)
    for (const { name } of rows) await sql`drop database ${sql.id(name)} with (force)`.execute(db)
  })
