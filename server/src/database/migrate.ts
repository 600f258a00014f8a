import type { Kysely } from 'kysely'
import { DEFAULT_MIGRATION_TABLE, Migrator, type Migration } from 'kysely/migration'
import { asError, DatabaseBusy } from './errors.ts'
import type { Database } from './schema.ts'
import { DatabaseUnfit } from './unfit.ts'

export interface MigrationPlan {
  readonly migrations: Record<string, Migration>
  /** What a refusal calls this database. */
  readonly where: string
  /** Keeps other processes out until the transaction ends, where its beginning does not. */
  readonly lock?: (db: Database) => Promise<void>
  /** Called once, under the lock, when a database that has something in it is about to change. */
  readonly beforeChange: (firstPending: string) => void
}

/**
 * Brings the database up to the newest migration, all in one transaction, and resolves to the names of those that ran.
 * A lock keeps other processes out, on SQLite the transaction's own; whoever had to wait finds nothing left to do.
 *
 * @throws {DatabaseUnfit} when the database has a migration this program does not know. Any error leaves it as it was.
 */
export async function migrate(db: Database, plan: MigrationPlan): Promise<string[]> {
  const names = Object.keys(plan.migrations).toSorted()
  if ((await pending(db, names, plan.where)).length === 0) return []
  return db.transaction().execute(async (db) => {
    await plan.lock?.(db)
    const [first] = await pending(db, names, plan.where)
    if (first === undefined) return []
    if (await hasTables(db)) plan.beforeChange(first)
    return runPending(db, plan.migrations)
  })
}

/** Kysely's migrator gives a failure instead of throwing it; thrown here, it undoes all of them. */
async function runPending(db: Database, migrations: Record<string, Migration>): Promise<string[]> {
  const provider = { getMigrations: () => Promise.resolve(migrations) }
  const { error, results = [] } = await new Migrator({ db, provider }).migrateToLatest()
  if (error === undefined) return results.map((result) => result.migrationName)
  if (error instanceof DatabaseBusy) throw error
  const failed = results.find((result) => result.status === 'Error')?.migrationName ?? 'of the database'
  throw new Error(`Migration ${failed} failed and was undone: ${asError(error).message}`, { cause: error })
}

/** The migrations that are still to run here. Throws DatabaseUnfit as `migrate` does. */
export async function pending(db: Database, names: readonly string[], where: string): Promise<string[]> {
  const applied = await appliedMigrations(db)
  const unknown = applied.find((name) => !names.includes(name))
  if (unknown !== undefined) throw new DatabaseUnfit('newer_schema', where, `migration ${unknown} is unknown here`)
  return names.filter((name) => !applied.includes(name))
}

/** The migrations that ran here, by name. */
export async function appliedMigrations(db: Database): Promise<string[]> {
  if (!(await tableNames(db)).includes(DEFAULT_MIGRATION_TABLE)) return []
  const rows = await (db as unknown as Kysely<MigrationTable>).selectFrom('kysely_migration').select('name').execute()
  return rows.map((row) => row.name)
}

interface MigrationTable {
  kysely_migration: { name: string; timestamp: string }
}

const hasTables = async (db: Database): Promise<boolean> => (await tableNames(db)).length > 0

async function tableNames(db: Database): Promise<string[]> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true })
  return tables.map((table) => table.name)
}
