import { setTimeout } from 'node:timers/promises'
import { sql } from 'kysely'
import { Pool, type PoolConfig } from 'pg'
import { PATIENCE_MILLISECONDS } from './busy.ts'
import { columnsOf } from './columns.ts'
import { asError } from './errors.ts'
import { migrate } from './migrate.ts'
import { migrationsFor } from './migrations/all.ts'
import type { OpenDatabase, OpenOptions } from './open.ts'
import { createPostgresDialect } from './postgres.ts'
import { unfitPostgresOr } from './postgres-errors.ts'
import { type PostgresPlace, readPostgresUrl } from './postgres-url.ts'
import { RESULT_TYPES } from './postgres-values.ts'
import { RepeatingKysely } from './repeat.ts'
import type { Database } from './schema.ts'
import { traced } from './traced.ts'
import { DatabaseUnfit } from './unfit.ts'

// Longer than any query of ours takes on a million users, shorter than a client waits for its answer.
const STATEMENT_TIMEOUT_MILLISECONDS = 10_000

// Beyond the server's own limit, for a server that stands still and does not count.
const ANSWER_TIMEOUT_MILLISECONDS = STATEMENT_TIMEOUT_MILLISECONDS + 1000

// Nothing slow happens between the statements of a transaction; whose process has stopped must not hold its rows.
const IDLE_IN_TRANSACTION_MILLISECONDS = 15_000

const PATIENT: PoolConfig = { max: 1 }

const impatient = (connections: number): PoolConfig => ({
  max: connections,
  statement_timeout: STATEMENT_TIMEOUT_MILLISECONDS,
  query_timeout: ANSWER_TIMEOUT_MILLISECONDS,
  idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MILLISECONDS,
  lock_timeout: PATIENCE_MILLISECONDS,
})

/**
 * Opens a PostgreSQL database and migrates it. `isPatient`: over one connection without limits of time, for a command
 * that changes every row.
 *
 * @throws {DatabaseUnfit}
 */
export async function openPostgres(
  location: { readonly url: string; readonly isPatient?: true },
  options: Omit<OpenOptions, 'location'>,
): Promise<OpenDatabase> {
  const place = readPostgresUrl(location.url)
  try {
    await prepare(place, options)
    const pool = location.isPatient ? PATIENT : impatient(place.connections)
    return await connected(connect(place, pool, options))
  } catch (error) {
    throw unfitPostgresOr(asError(error), place.where)
  }
}

/** With its first connection made, since a pooler may refuse the limits of time, which nothing before has asked for. */
async function connected(opened: OpenDatabase): Promise<OpenDatabase> {
  try {
    await sql`select 1`.execute(opened.db)
    return opened
  } catch (error) {
    await opened.close()
    throw error
  }
}

/** Connects when first asked. */
export function connect(
  { client }: PostgresPlace,
  limits: PoolConfig,
  { beforeStatement, tracing }: Pick<OpenOptions, 'beforeStatement' | 'tracing'> = {},
): OpenDatabase {
  const pool = new Pool({
    ...client,
    ...limits,
    types: RESULT_TYPES,
    keepAlive: true,
    connectionTimeoutMillis: PATIENCE_MILLISECONDS,
  })
  // A connection lost while nobody uses it: the next statement has another. One lost in use fails its statement, which tells.
  pool.on('error', () => {}).on('connect', (client) => client.on('error', () => {}))
  const db = new RepeatingKysely({
    dialect: traced(createPostgresDialect(pool, beforeStatement), 'postgresql', tracing),
  })
  return {
    db,
    stats: () => ({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
    // A server that stands still does not say good-bye.
    close: () => Promise.race([db.destroy(), setTimeout(PATIENCE_MILLISECONDS, undefined, { ref: false })]),
  }
}

/** Over a connection of its own, since what a migration does may take its time. */
async function prepare(
  place: PostgresPlace,
  { onStep, beforeStatement }: Omit<OpenOptions, 'location'>,
): Promise<void> {
  const { db, close } = connect(place, PATIENT, beforeStatement && { beforeStatement })
  try {
    await untilStarted(() => refuseUnfit(db, place.where))
    const migrations = await migrate(db, {
      migrations: migrationsFor(columnsOf.postgres),
      where: place.where,
      lock: (db) => lockMigrations(db, place.where),
      beforeChange: () => {},
    })
    if (migrations.length > 0) onStep?.({ kind: 'migrated', migrations })
  } finally {
    await close()
  }
}

/** A server that says it is starting up is waited for. */
async function untilStarted(work: () => Promise<void>): Promise<void> {
  for (let waited = 0; ; waited += STARTING_PAUSE_MILLISECONDS) {
    try {
      return await work()
    } catch (error) {
      const { cause } = asError(error)
      const isStarting = cause instanceof Error && 'code' in cause && cause.code === CANNOT_CONNECT_NOW
      if (!isStarting || waited >= LONGEST_START_MILLISECONDS) throw error
    }
    await setTimeout(STARTING_PAUSE_MILLISECONDS)
  }
}

const CANNOT_CONNECT_NOW = '57P03'
const STARTING_PAUSE_MILLISECONDS = 250
const LONGEST_START_MILLISECONDS = 15_000

const OLDEST = 140_000

interface ServerSettings {
  readonly version: string
  readonly number: number
  readonly encoding: string
  readonly isReadOnly: boolean
  readonly moments: string
  readonly bytes: string
}

/** Throws DatabaseUnfit for a server or a database on which something of ours would not work. */
export async function refuseUnfit(db: Database, where: string): Promise<void> {
  const { rows } = await sql<ServerSettings>`
    select current_setting('server_version') as version, current_setting('server_version_num')::int as number,
      current_setting('server_encoding') as encoding, current_setting('transaction_read_only')::boolean as is_read_only,
      current_setting('datestyle') as moments, current_setting('bytea_output') as bytes`.execute(db)
  const { version, number, encoding, isReadOnly, moments, bytes } = rows[0]!
  if (number < OLDEST) throw new DatabaseUnfit('old_server', where, version)
  if (encoding !== 'UTF8') throw new DatabaseUnfit('not_utf8', where, encoding)
  if (isReadOnly) throw new DatabaseUnfit('read_only', where)
  // Read otherwise than it is meant, a day would be another one, and a hash nobody's.
  if (!moments.startsWith('ISO') || bytes !== 'hex')
    throw new DatabaseUnfit('other_forms', where, `datestyle ${moments}, bytea_output ${bytes}`)
}

// Of no meaning but to be ours.
const MIGRATION_LOCK = 4_812_093_377_201

/**
 * Waits for whoever migrates now, or refuses who may make no tables; after that no statement waits long for a table that
 * requests are using.
 */
async function lockMigrations(db: Database, where: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(${sql.lit(MIGRATION_LOCK)})`.execute(db)
  const { rows } = await sql<{ mayCreate: boolean | null }>`
    select has_schema_privilege(current_schema(), 'create') as may_create`.execute(db)
  if (rows[0]?.mayCreate !== true) throw new DatabaseUnfit('no_rights', where)
  await sql`set local lock_timeout = '10s'`.execute(db)
}
