import { AsyncLocalStorage } from 'node:async_hooks'
import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite'
import {
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
} from 'kysely'
import { PATIENCE_MILLISECONDS, untilFree } from './busy.ts'
import { DatabaseBusy } from './errors.ts'
import { toResultColumn, toRow, toSnakeCase, toSqlite, type ResultColumn } from './values.ts'

/** Sees each statement before it runs, `begin` and `commit` too, `rollback` not. What it throws, the statement throws. */
export type BeforeStatement = (sql: string) => void

/**
 * Kysely on `node:sqlite`, one connection, transactions one at a time. A statement outside the open transaction waits
 * until that has ended; no wait stops the event loop, and each ends in `DatabaseBusy` after about five seconds.
 */
export function createSqliteDialect(sqlite: DatabaseSync, beforeStatement?: BeforeStatement): Dialect {
  return {
    createDriver: () => new SqliteDriver(sqlite, beforeStatement),
    createQueryCompiler: () => new SnakeCaseCompiler(),
    createAdapter: () => new Adapter(),
    createIntrospector: (db) => new SqliteIntrospector(db),
  }
}

/** Says camelCase names in snake_case. At a fraction of what Kysely's plugin costs, which copies every query's tree. */
class SnakeCaseCompiler extends SqliteQueryCompiler {
  protected override sanitizeIdentifier(identifier: string): string {
    return super.sanitizeIdentifier(toSnakeCase(identifier))
  }
}

class Adapter extends SqliteAdapter {
  // The driver has a line of its own, so Kysely's mutex, slower and held by every single statement, is not needed.
  override get supportsMultipleConnections(): boolean {
    return true
  }

  // True, and needed: the whole migration is one `begin immediate`, which is also its lock among processes.
  override get supportsTransactionalDdl(): boolean {
    return true
  }
}

/** One open transaction. Each has an object of its own, so that no later one is mistaken for it. */
interface OpenTransaction {
  readonly connection: SqliteConnection
}

class SqliteDriver implements Driver {
  readonly #sqlite: DatabaseSync
  readonly #statements: StatementCache
  readonly #idle: SqliteConnection[] = []
  readonly #line: (() => void)[] = []
  /** The transaction the running code is inside of, open or ended. */
  readonly #surrounding = new AsyncLocalStorage<OpenTransaction>()
  #open: OpenTransaction | undefined

  constructor(sqlite: DatabaseSync, beforeStatement: BeforeStatement | undefined) {
    this.#sqlite = sqlite
    this.#statements = new StatementCache(sqlite, beforeStatement)
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<SqliteConnection> {
    return this.#idle.pop() ?? new SqliteConnection(this)
  }

  async releaseConnection(connection: SqliteConnection): Promise<void> {
    this.#idle.push(connection)
  }

  async beginTransaction(connection: SqliteConnection): Promise<void> {
    const transaction = { connection }
    const begin = (): void => {
      this.#statements.run('begin immediate', [])
      this.#open = transaction
    }
    const begun = untilFree(() => this.#inTurn(connection, begin))
    // Before any await, hence seen by the code that Kysely runs inside this transaction, and by no other.
    this.#surrounding.enterWith(transaction)
    await begun
  }

  async commitTransaction(): Promise<void> {
    await untilFree(() => this.#statements.run('commit', []))
    this.#close()
  }

  async rollbackTransaction(): Promise<void> {
    try {
      // A full disk or an I/O error has rolled back already; a second rollback would hide what happened.
      if (this.#sqlite.isTransaction) this.#sqlite.exec('rollback')
    } finally {
      this.#close()
    }
  }

  async destroy(): Promise<void> {
    this.#statements.clear()
    this.#sqlite.close()
  }

  execute<R>(connection: SqliteConnection, query: CompiledQuery): Promise<QueryResult<R>> {
    return untilFree(() => this.#inTurn(connection, () => this.#statements.run<R>(query.sql, query.parameters)))
  }

  /** Does `work` at once, or when the transaction that stands in its way has ended, in the order of asking. */
  #inTurn<T>(connection: SqliteConnection, work: () => T): T | Promise<T> {
    if (this.#open === undefined || this.#open.connection === connection) return work()
    if (this.#open === this.#surrounding.getStore()) {
      throw new Error('inside a transaction, use the handle it was given: this query would wait for itself')
    }
    return this.#waitInLine(work)
  }

  #waitInLine<T>(work: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const turn = (): void => {
        clearTimeout(timer)
        resolve(settled(work))
      }
      const timer = setTimeout(() => {
        this.#line.splice(this.#line.indexOf(turn), 1)
        reject(new DatabaseBusy('another transaction holds the database'))
      }, PATIENCE_MILLISECONDS)
      this.#line.push(turn)
    })
  }

  /** Ends the open transaction and serves those in line until one of them opens the next. */
  #close(): void {
    this.#open = undefined
    while (this.#open === undefined) {
      const turn = this.#line.shift()
      if (!turn) return
      turn()
    }
  }
}

/** Does `work` now, before returning, and keeps what it gives or throws. */
async function settled<T>(work: () => T): Promise<T> {
  return work()
}

class SqliteConnection implements DatabaseConnection {
  readonly #driver: SqliteDriver

  constructor(driver: SqliteDriver) {
    this.#driver = driver
  }

  executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    return this.#driver.execute<R>(this, query)
  }

  // oxlint-disable-next-line require-yield
  async *streamQuery(): AsyncIterableIterator<never> {
    throw new Error('streaming is not offered: a cursor would hold the only connection')
  }
}

interface Prepared {
  readonly statement: StatementSync
  readonly columns: readonly ResultColumn[]
}

class StatementCache {
  /** More than the product has queries; bounded since `in (?, ?, …)` makes a new text for each length. */
  static readonly #CAPACITY = 500

  readonly #sqlite: DatabaseSync
  readonly #beforeStatement: BeforeStatement | undefined
  readonly #prepared = new Map<string, Prepared>()

  constructor(sqlite: DatabaseSync, beforeStatement: BeforeStatement | undefined) {
    this.#sqlite = sqlite
    this.#beforeStatement = beforeStatement
  }

  run<R>(sql: string, parameters: readonly unknown[]): QueryResult<R> {
    this.#beforeStatement?.(sql)
    const { statement, columns } = this.#prepared.get(sql) ?? this.#prepare(sql)
    const values = parameters.map(toSqlite)
    if (columns.length === 0) return { rows: [], numAffectedRows: BigInt(statement.run(...values).changes) }
    const stored = statement.all(...values) as unknown as SQLOutputValue[][] // arrays, as #prepare asked
    return { rows: stored.map((row) => toRow(columns, row) as R) }
  }

  clear(): void {
    this.#prepared.clear()
  }

  #prepare(sql: string): Prepared {
    const statement = this.#sqlite.prepare(sql, { returnArrays: true })
    const prepared = { statement, columns: statement.columns().map(toResultColumn) }
    if (this.#prepared.size >= StatementCache.#CAPACITY) {
      const oldest = this.#prepared.keys().next()
      if (!oldest.done) this.#prepared.delete(oldest.value)
    }
    this.#prepared.set(sql, prepared)
    return prepared
  }
}
