import { processCount } from '../../compose/process-count.ts'
import type { Config } from '../../config.ts'
import { isPlainText, mostConnections } from '../../database/postgres-inspect.ts'
import { readPostgresUrl } from '../../database/postgres-url.ts'
import type { Database } from '../../database/schema.ts'
import { type Finding, ok, warning } from './finding.ts'

/** Whether the way there is safe, and whether its connections suffice; nothing where the database is SQLite. */
export async function postgresFindings(db: Database, config: Config): Promise<Finding[]> {
  const { databaseUrl } = config.scale
  if (databaseUrl === undefined) return []
  const processes = processCount(config)
  const wanted = processes * readPostgresUrl(databaseUrl).connections
  const most = await mostConnections(db)
  const text = `this host takes ${wanted} of ${most} connections at most`
  return [
    (await isPlainText(db))
      ? warning('database', 'what is sent to it can be read on the way: set sslmode=verify-full in DATABASE_URL')
      : ok('database', 'what is sent to it cannot be read on the way'),
    wanted * 2 > most
      ? warning('database', `${text}: a second one does not fit while the first restarts; see docs/postgresql.md`)
      : ok('database', text),
  ]
}
