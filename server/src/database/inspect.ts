import { accessSync, constants } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { Kysely } from 'kysely'
import { columnsOf } from './columns.ts'
import { refuseDamaged, unfitOr } from './file.ts'
import { pending } from './migrate.ts'
import { migrationsFor } from './migrations/all.ts'
import type { OpenDatabase } from './open.ts'
import type { Schema } from './schema.ts'
import { createSqliteDialect } from './sqlite.ts'

export interface InspectedDatabase extends OpenDatabase {
  /** Migrations that the next start will run; while there are any, the tables are not those of the schema. */
  readonly pending: readonly string[]
}

/**
 * Opens what is there to be looked at: makes no file, runs no migration, refuses every write.
 *
 * @throws {DatabaseUnfit} for one that cannot be used.
 */
export async function inspectDatabase(path: string): Promise<InspectedDatabase> {
  try {
    return await inspect(openToLook(path), path)
  } catch (error) {
    throw unfitOr(error, path)
  }
}

/** Not by SQLite's own read-only mode, which leaves its log behind where no other process has the database open. */
function openToLook(path: string): DatabaseSync {
  accessSync(path, constants.R_OK | constants.W_OK)
  const sqlite = new DatabaseSync(path, { timeout: 50 })
  sqlite.exec('pragma query_only = on')
  return sqlite
}

async function inspect(sqlite: DatabaseSync, path: string): Promise<InspectedDatabase> {
  const db = new Kysely<Schema>({ dialect: createSqliteDialect(sqlite) })
  try {
    refuseDamaged(sqlite, path)
    const names = Object.keys(migrationsFor(columnsOf.sqlite)).toSorted()
    return { db, pending: await pending(db, names, path), stats: () => undefined, close: () => db.destroy() }
  } catch (error) {
    await db.destroy()
    throw error
  }
}
