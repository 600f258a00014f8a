import { sql } from 'kysely'
import type { TestContext } from 'vitest'
import type { OpenDatabase } from '../src/database/open.ts'
import { connect } from '../src/database/postgres-open.ts'
import { readPostgresUrl } from '../src/database/postgres-url.ts'
import type { Database } from '../src/database/schema.ts'
import { systemClock } from '../src/kernel/clock.ts'
import { systemRandom, uuidv7 } from '../src/kernel/random.ts'
import { startEmbeddedPostgres } from './postgres-server.ts'
import { skipAloud } from './skip.ts'

/** Databases of the test file's own, on the server that the whole run has (`postgres-setup.ts`) or the file's own. */
interface Postgres {
  /** A new database, empty or as its template is. */
  open(template?: string): Promise<Database>
  /** The same, as what DATABASE_URL names. */
  create(template?: string, encoding?: string): Promise<string>
  stop(): Promise<void>
}

/** What each database of a test is called by first. */
export const TEST_DATABASES = 'latchkey_test_'

/**
 * Starts PostgreSQL, once for all calls. Where this machine cannot run it, the test that asked is skipped aloud; in CI
 * (the variable `CI` set) nothing is skipped and this throws instead.
 */
export async function needsPostgres(context: TestContext): Promise<Postgres> {
  try {
    return await ownPostgres()
  } catch (error) {
    return skipAloud(context, `PostgreSQL does not start here: ${String(error)}`)
  }
}

/** The same outside a test. */
export function ownPostgres(): Promise<Postgres> {
  running ??= start()
  return running
}

/** Ends what the file has open, and the server where it is the file's own. For `afterAll`. */
export async function stopPostgres(): Promise<void> {
  const postgres = await running?.catch(() => undefined)
  await postgres?.stop()
}

let running: Promise<Postgres> | undefined

async function start(): Promise<Postgres> {
  const shared = process.env['TEST_DATABASE_URL']
  if (shared !== undefined && shared !== '') return postgresAt(shared, async () => {})
  const { url, stop } = await startEmbeddedPostgres()
  return postgresAt(url, stop)
}

function postgresAt(url: string, stop: () => Promise<void>): Postgres {
  const opened: OpenDatabase[] = []
  const create = async (template = 'template0', encoding = 'UTF8'): Promise<string> => {
    const name = `${TEST_DATABASES}${uuidv7(systemRandom, systemClock.now()).replaceAll('-', '')}`
    await inDatabase(url, (db) =>
      sql`create database ${sql.id(name)} template ${sql.id(template)} encoding ${sql.lit(encoding)}`.execute(db),
    )
    return withDatabase(url, name)
  }
  return {
    create,
    async open(template) {
      const database = connect(readPostgresUrl(await create(template)), { max: 20 })
      opened.push(database)
      return database.db
    },
    async stop() {
      await Promise.all(opened.map(({ close }) => close()))
      await stop()
    },
  }
}

/** Does the work on what a URL names, over one connection. */
export async function inDatabase<T>(url: string, work: (db: Database) => Promise<T>): Promise<T> {
  const { db, close } = connect(readPostgresUrl(url), { max: 1 })
  try {
    return await work(db)
  } finally {
    await close()
  }
}

/** The same server, user and parameters, another database. */
export function withDatabase(url: string, database: string): string {
  const other = new URL(url)
  other.pathname = `/${database}`
  return other.href
}
