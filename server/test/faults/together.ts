/** Several processes that start at once on the same database, empty or of the first released version. */
import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import { rmSync } from 'node:fs'
import { Kysely, sql } from 'kysely'
import { columnsOf } from '../../src/database/columns.ts'
import { migrate } from '../../src/database/migrate.ts'
import { migrationsFor } from '../../src/database/migrations/all.ts'
import type { Database } from '../../src/database/schema.ts'
import { createSqliteDialect } from '../../src/database/sqlite.ts'
import { startEmbeddedPostgres } from '../postgres-server.ts'
import { inDatabase, withDatabase } from '../postgres.ts'
import { runDatabase } from '../run-database.ts'
import { newFolder } from './hosts.ts'
import type { Report } from './report.ts'

const AT_ONCE = 4

type Kind = 'sqlite' | 'postgres'

/** So many times on each, half of them on an empty database and half on one that the first release made. */
export async function migrateTogether(rounds: number): Promise<Report> {
  await using postgres = await disposablePostgres()
  const folder = newFolder()
  const rows: object[] = []
  const violations: string[] = []
  for (const kind of ['sqlite', 'postgres'] as const) {
    for (const isOld of [false, true]) {
      const found: string[] = []
      for (let round = 0; round < rounds; round++)
        found.push(...(await openTogether({ kind, isOld, folder, url: postgres.url }, `m${Number(isOld)}${round}`)))
      const from = isOld ? 'the first release' : 'nothing'
      rows.push({ on: kind, from, rounds, processes: AT_ONCE, broken: found.length })
      violations.push(...found)
    }
  }
  rmSync(folder, { recursive: true, force: true })
  return { rows, violations }
}

interface Place {
  readonly kind: Kind
  readonly isOld: boolean
  readonly folder: string
  readonly url: string
}

/** Exactly one of them migrates, and all of them open it. */
async function openTogether({ kind, isOld, folder, url }: Place, name: string): Promise<string[]> {
  const place = kind === 'sqlite' ? join(folder, `${name}.db`) : await newDatabase(url, name)
  if (isOld) await makeOld(kind, place)
  const answers = await Promise.all(Array.from({ length: AT_ONCE }, () => runDatabase([place, 'open'])))
  const migrated = answers.filter(({ steps }) => steps?.includes('migrated')).length
  const failed = answers.filter(({ steps }) => steps === undefined)
  return [
    ...(migrated === 1 ? [] : [`${kind}: ${migrated} of ${AT_ONCE} processes migrated`]),
    ...failed.map((answer) => `${kind}: one did not open: ${JSON.stringify(answer)}`),
  ]
}

async function disposablePostgres(): Promise<{ url: string } & AsyncDisposable> {
  const { url, stop } = await startEmbeddedPostgres()
  return { url, [Symbol.asyncDispose]: stop }
}

async function newDatabase(url: string, name: string): Promise<string> {
  await inDatabase(url, (db) => sql`create database ${sql.id(name)}`.execute(db))
  return withDatabase(url, name)
}

const RELEASED = ['0001_accounts', '0002_factors'] as const

/** What 0.1.0 left: its two migrations. */
async function makeOld(kind: Kind, place: string): Promise<void> {
  const all = migrationsFor(columnsOf[kind])
  const migrations = Object.fromEntries(RELEASED.map((name) => [name, all[name]!]))
  const bring = (db: Database) => migrate(db, { migrations, where: place, beforeChange: () => {} })
  if (kind === 'postgres') return void (await inDatabase(place, bring))
  const db: Database = new Kysely({ dialect: createSqliteDialect(new DatabaseSync(place)) })
  await bring(db)
  await db.destroy()
}
