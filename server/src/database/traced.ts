import type { CompiledQuery, DatabaseConnection, Dialect, Driver } from 'kysely'
import type { SpanStart, Tracing } from '../kernel/tracing.ts'

/** The same dialect, whose statements are spans of the request that asks them; what nobody waits for has none. */
export const traced = (dialect: Dialect, system: 'sqlite' | 'postgresql', tracing: Tracing | undefined): Dialect =>
  tracing
    ? {
        createAdapter: () => dialect.createAdapter(),
        createIntrospector: (db) => dialect.createIntrospector(db),
        createQueryCompiler: () => dialect.createQueryCompiler(),
        createDriver: () => tracedDriver(dialect.createDriver(), system, tracing),
      }
    : dialect

/** In place, as Kysely itself does to log: a transaction must begin in the driver's own turn. */
function tracedDriver(driver: Driver, system: string, tracing: Tracing): Driver {
  const known = new WeakSet<DatabaseConnection>()
  const acquire = driver.acquireConnection.bind(driver)
  const commit = driver.commitTransaction.bind(driver)
  driver.acquireConnection = async (options) => {
    const connection = await acquire(options)
    if (!known.has(connection)) traceStatements(connection, system, tracing)
    known.add(connection)
    return connection
  }
  driver.commitTransaction = (connection) => tracing.inSpan(spanOf(system, { sql: 'commit' }), () => commit(connection))
  return driver
}

function traceStatements(connection: DatabaseConnection, system: string, tracing: Tracing): void {
  const execute = connection.executeQuery.bind(connection)
  connection.executeQuery = (query, options) => tracing.inSpan(spanOf(system, query), () => execute(query, options))
}

// OpenTelemetry's conventions for databases, 1.33 and later. The text has placeholders where the values go, never values.
function spanOf(system: string, { sql }: Pick<CompiledQuery, 'sql'>): SpanStart {
  const operation = /^\w+/.exec(sql)?.[0].toUpperCase() ?? 'QUERY'
  const table = /\b(?:from|into|update) "(\w+)"/.exec(sql)?.[1]
  return {
    name: table === undefined ? operation : `${operation} ${table}`,
    kind: 'client',
    as: 'child',
    attributes: {
      'db.system.name': system,
      'db.operation.name': operation,
      ...(table !== undefined && { 'db.collection.name': table }),
      'db.query.text': sql,
    },
  }
}
