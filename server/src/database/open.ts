import { resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Kysely } from 'kysely'
import type { Tracing } from '../kernel/tracing.ts'
import { untilFree } from './busy.ts'
import { columnsOf } from './columns.ts'
import { copyAside, ensureFile, refuseDamaged, unfitOr } from './file.ts'
import { migrate } from './migrate.ts'
import { migrationsFor } from './migrations/all.ts'
import type { Database, Schema } from './schema.ts'
import { createSqliteDialect } from './sqlite.ts'
import type { BeforeStatement } from './statements.ts'
import { traced } from './traced.ts'

const NEVER_WAIT = { timeout: 0 } // whoever waits, waits in untilFree

export type DatabaseLocation =
  | { readonly kind: 'memory' }
  /** `isShared`: several servers write into it. */
  | { readonly kind: 'file'; readonly path: string; readonly isShared?: boolean }
  /** `isPatient`: no statement has a limit of time, for a command that changes every row. */
  | { readonly kind: 'postgres'; readonly url: string; readonly isPatient?: true }

/** What opening did, worth a line in the log. */
export type OpeningStep =
  | { readonly kind: 'created'; readonly path: string }
  | { readonly kind: 'copied'; readonly path: string }
  | { readonly kind: 'migrated'; readonly migrations: readonly string[] }

export interface OpenOptions {
  readonly location: DatabaseLocation
  readonly onStep?: (step: OpeningStep) => void
  /** For tests of faults: what it throws, the statement throws. */
  readonly beforeStatement?: BeforeStatement
  /** Undefined where nobody follows requests. */
  readonly tracing?: Tracing | undefined
}

export interface OpenDatabase {
  readonly db: Database
  /** The connections of the pool, where there is one, and how many statements wait for one of them. */
  stats(): PoolStats | undefined
  close(): Promise<void>
}

export interface PoolStats {
  readonly total: number
  readonly idle: number
  readonly waiting: number
}

/**
 * Opens the database and migrates it, under a lock. On SQLite makes it when there is none, and copies it aside before a
 * migration.
 *
 * @throws {DatabaseUnfit} for one that cannot be used, which is left as it was.
 * @throws {DatabaseBusy} when another process keeps it locked for more than five seconds.
 */
export async function openDatabase(options: OpenOptions): Promise<OpenDatabase> {
  const { location, onStep } = options
  if (location.kind === 'postgres') {
    // Loaded only where it is asked for: it would lengthen every start.
    const { openPostgres } = await import('./postgres-open.ts')
    return openPostgres(location, options)
  }
  if (location.kind === 'memory') return prepare({ writer: new DatabaseSync(':memory:') }, 'in memory', options)
  const path = resolve(location.path)
  try {
    if (await ensureFile(path)) onStep?.({ kind: 'created', path })
    return await prepare(await openFile(path), path, options)
  } catch (error) {
    throw unfitOr(error, path)
  }
}

interface Connections {
  readonly writer: DatabaseSync
  readonly reader?: DatabaseSync
}

async function openFile(path: string): Promise<Connections> {
  const writer = new DatabaseSync(path, NEVER_WAIT)
  try {
    await untilFree(() => writer.exec('pragma journal_mode = wal; pragma synchronous = full'))
    await untilFree(() => refuseDamaged(writer, path))
    return { writer, reader: new DatabaseSync(path, { ...NEVER_WAIT, readOnly: true }) }
  } catch (error) {
    writer.close()
    throw error
  }
}

async function prepare({ writer, reader }: Connections, where: string, options: OpenOptions): Promise<OpenDatabase> {
  writer.exec('pragma foreign_keys = on')
  const { location, beforeStatement, tracing } = options
  const isShared = location.kind === 'file' && location.isShared
  const dialect = createSqliteDialect(writer, { reader, beforeStatement, isShared })
  const db = new Kysely<Schema>({ dialect: traced(dialect, 'sqlite', tracing) })
  try {
    const migrations = await migrate(db, {
      migrations: migrationsFor(columnsOf.sqlite),
      where,
      beforeChange: (first) => {
        const path = copyAside(where, first)
        options.onStep?.({ kind: 'copied', path })
      },
    })
    if (migrations.length > 0) options.onStep?.({ kind: 'migrated', migrations })
    return { db, stats: () => undefined, close: () => db.destroy() }
  } catch (error) {
    await db.destroy()
    throw error
  }
}
