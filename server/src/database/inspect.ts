import { accessSync, constants } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { Kysely } from 'kysely'
import { columnsOf } from './columns.ts'
import { asError } from './errors.ts'
import { refuseDamaged, unfitOr } from './file.ts'
import { pending } from './migrate.ts'
import { migrationsFor } from './migrations/all.ts'
import type { OpenDatabase } from './open.ts'
import { unfitPostgresOr } from './postgres-errors.ts'
import { connect, refuseUnfit } from './postgres-open.ts'
import { readPostgresUrl } from './postgres-url.ts'
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

// Longer than a count of a million rows takes, shorter than an operator waits.
const LONGEST_LOOK = { max: 1, statement_timeout: 30_000 }

/**
 * The same of a PostgreSQL database.
 *
 * @throws {DatabaseUnfit}
 */
export async function inspectPostgres(url: string): Promise<InspectedDatabase> {
  const place = readPostgresUrl(url)
  const opened = connect(place, LONGEST_LOOK)
  try {
    await refuseUnfit(opened.db, place.where)
    const names = Object.keys(migrationsFor(columnsOf.postgres)).toSorted()
    return { ...opened, pending: await pending(opened.db, names, place.where) }
  } catch (error) {
    await opened.close()
    throw unfitPostgresOr(asError(error), place.where)
  }
}
