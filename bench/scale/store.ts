import { DatabaseSync } from 'node:sqlite'
import { Kysely } from 'kysely'
import pg from 'pg'
import { columnsOf, type DialectName } from '../../server/src/database/columns.ts'
import { migrate } from '../../server/src/database/migrate.ts'
import { migrationsFor } from '../../server/src/database/migrations/all.ts'
import { connect } from '../../server/src/database/postgres-open.ts'
import { readPostgresUrl } from '../../server/src/database/postgres-url.ts'
import type { Database } from '../../server/src/database/schema.ts'
import { createSqliteDialect } from '../../server/src/database/sqlite.ts'

/** A database that is filled or read past the server, as fast as it can be. */
export interface Store {
  readonly dialect: DialectName
  run(sql: string): Promise<void>
  all(sql: string): Promise<Record<string, unknown>[]>
  /** Runs every migration up to this one; to the newest when none is named. */
  migrateTo(last?: string): Promise<void>
  /** From now on as careful and as modest as a server. */
  beAsServed(): Promise<void>
  close(): Promise<void>
}

export const openStore = (where: string): Promise<Store> =>
  where.startsWith('postgres') ? openPostgres(where) : Promise.resolve(openSqlite(where))

function openSqlite(path: string): Store {
  const sqlite = new DatabaseSync(path)
  // Nothing is lost that could not be filled again.
  sqlite.exec('pragma journal_mode = off; pragma synchronous = off; pragma cache_size = -131072')
  const db: Database = new Kysely({ dialect: createSqliteDialect(sqlite) })
  return {
    dialect: 'sqlite',
    run: async (sql) => sqlite.exec(sql),
    all: async (sql) => sqlite.prepare(sql).all(),
    migrateTo: (last) => migrateTo(db, 'sqlite', last),
    beAsServed: async () =>
      sqlite.exec('pragma journal_mode = wal; pragma synchronous = full; pragma cache_size = -2000'),
    close: () => db.destroy(),
  }
}

async function openPostgres(url: string): Promise<Store> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query("set synchronous_commit = off; set maintenance_work_mem = '256MB'")
  const opened = connect(readPostgresUrl(url), { max: 2 })
  return {
    dialect: 'postgres',
    run: async (sql) => void (await client.query(sql)),
    all: async (sql) => (await client.query<Record<string, unknown>>(sql)).rows,
    migrateTo: (last) => migrateTo(opened.db, 'postgres', last),
    beAsServed: async () => {},
    async close() {
      await client.end()
      await opened.close()
    },
  }
}

async function migrateTo(db: Database, dialect: DialectName, last = '9999'): Promise<void> {
  const all = Object.entries(migrationsFor(columnsOf[dialect]))
  const migrations = Object.fromEntries(all.filter(([name]) => name <= last))
  await migrate(db, { migrations, where: 'for the bench', beforeChange: () => {} })
}
