import { existsSync } from 'node:fs'
import { sql } from 'kysely'
import { explain } from '../../compose/explain.ts'
import { configuredSecret, dataFiles } from '../../compose/foundation.ts'
import { inspectDatabase, inspectPostgres } from '../../database/inspect.ts'
import { readPostgresUrl } from '../../database/postgres-url.ts'
import type { Database } from '../../database/schema.ts'
import { lastBackup } from '../../database/snapshot.ts'
import { proveChain } from '../../features/audit/service.ts'
import { before, days, seconds } from '../../kernel/duration.ts'
import { createSecret } from '../../kernel/secret.ts'
import { count } from '../command.ts'
import type { Subject } from './database.ts'
import { fault, type Finding, ok, warning } from './finding.ts'

/** What takes its time: every page of the database, the whole audit, or what PostgreSQL tells of itself. Never throws. */
export async function inspectInDepth(subject: Subject): Promise<Finding[]> {
  const { databaseUrl } = subject.config.scale
  try {
    return await (databaseUrl === undefined ? sqliteFindings(subject) : postgresFindings(databaseUrl, subject))
  } catch (error) {
    return [fault('database', explain(error))]
  }
}

async function sqliteFindings(subject: Subject): Promise<Finding[]> {
  const { database: path } = dataFiles(subject.config.server.dataDir)
  if (!existsSync(path)) return []
  const { db, pending, close } = await inspectDatabase(path)
  try {
    if (pending.length > 0) return []
    return [
      await pagesFinding(db),
      backupFinding(await lastBackup(db), subject.clock.now()),
      ...(await auditFindings(db, subject)),
    ]
  } finally {
    await close()
  }
}

async function pagesFinding(db: Database): Promise<Finding> {
  const ask = async (pragma: string): Promise<unknown> => {
    const { rows } = await sql.raw<Record<string, unknown>>(`pragma ${pragma}`).execute(db)
    return Object.values(rows[0] ?? {})[0]
  }
  const [verdict, mode, pages, free] = [
    await ask('quick_check(1)'),
    await ask('journal_mode'),
    Number(await ask('page_count')),
    Number(await ask('freelist_count')),
  ]
  if (verdict !== 'ok') return fault('database', `it is damaged (${String(verdict)}): restore a backup`)
  return mode === 'wal'
    ? ok('database', `every page of ${pages} is sound, ${free} are free; WAL`)
    : warning('database', `every page of ${pages} is sound; ${String(mode)} in place of WAL until the next start`)
}

const OLD_BACKUP = days(2)

function backupFinding(last: Date | undefined, now: Date): Finding {
  if (!last) return warning('backup', 'there was never one: `latchkey backup`, and a copy of it elsewhere')
  const text = `the last was made ${last.toISOString()}`
  return last < before(now, OLD_BACKUP) ? warning('backup', `${text}: make one each day`) : ok('backup', text)
}

async function auditFindings(db: Database, { config }: Subject): Promise<Finding[]> {
  const bytes = await configuredSecret(config)
  if (!bytes) return []
  const { broken, proven, unsealed } = await proveChain(db, createSecret(bytes))
  return [
    broken
      ? fault(
          'audit',
          `it is not what was sealed, from number ${broken.number} on: \`latchkey audit verify\` tells more`,
        )
      : ok('audit', `${count(proven, 'event')} proven, ${unsealed} not sealed yet`),
  ]
}

async function postgresFindings(url: string, subject: Subject): Promise<Finding[]> {
  const { db, pending, close } = await inspectPostgres(url)
  try {
    const facts = await serverFindings(db, readPostgresUrl(url).where, subject)
    return pending.length > 0 ? facts : [...facts, ...(await auditFindings(db, subject))]
  } finally {
    await close()
  }
}

interface ServerFacts {
  readonly version: string
  readonly now: Date
  readonly mayCreate: boolean
  readonly durable: string
}

const CLOCKS_APART = seconds(5)

async function serverFindings(db: Database, where: string, { clock }: Subject): Promise<Finding[]> {
  const { rows } = await sql<ServerFacts>`
    select current_setting('server_version') as version, clock_timestamp() as now,
      has_schema_privilege(current_schema(), 'create') as may_create,
      current_setting('synchronous_commit') as durable`.execute(db)
  const { version, now, mayCreate, durable } = rows[0]!
  const apart = now.getTime() - clock.now().getTime()
  return [
    ok('database', `PostgreSQL ${version} at ${where}`),
    ...(mayCreate ? [] : [fault('database', 'this user may not create tables: updates will fail')]),
    ...(durable === 'off' ? [fault('database', 'synchronous_commit is off: what was answered may be lost')] : []),
    Math.abs(apart) > CLOCKS_APART
      ? fault('clock', `it is ${Math.round(Math.abs(apart) / 1000)} s away from the database's: set both right`)
      : ok('clock', 'as the database has it'),
  ]
}
