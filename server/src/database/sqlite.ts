import { AsyncLocalStorage } from 'node:async_hooks'
import type { DatabaseSync } from 'node:sqlite'
import {
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  type SelectModifierNode,
} from 'kysely'
import { Batches } from './batches.ts'
import { untilFree } from './busy.ts'
import { Line } from './line.ts'
import { Statements, type BeforeStatement } from './statements.ts'
import { toSnakeCase } from './values.ts'

export interface SqliteOptions {
  /**
   * A second connection to the same file, for what is read outside transactions: it sees only what is committed, hence
   * lets writes outside transactions share commits (`batches.ts`).
   */
  readonly reader?: DatabaseSync | undefined
  readonly beforeStatement?: BeforeStatement | undefined
  /** Other servers write into the same file. */
  readonly isShared?: boolean | undefined
}

/**
 * Kysely on `node:sqlite`; transactions one at a time. While one is open, what writes outside it waits until it has ended,
 * and without a reader what reads too. No wait stops the event loop, and each ends in `DatabaseBusy` after about five
 * seconds. When a write's promise resolves, it is on the disk.
 */
export function createSqliteDialect(sqlite: DatabaseSync, options: SqliteOptions = {}): Dialect {
  return {
    createDriver: () => new SqliteDriver(sqlite, options),
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

  // Whoever writes has the whole file: there are no rows to lock, and no syntax for it.
  protected override visitSelectModifier(node: SelectModifierNode): void {
    if (node.modifier !== 'ForUpdate' && node.modifier !== 'SkipLocked') super.visitSelectModifier(node)
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

/** Only these may share a transaction with others: a `pragma` or a `vacuum` would not work inside one. */
const BATCHED: ReadonlySet<string> = new Set(['InsertQueryNode', 'UpdateQueryNode', 'DeleteQueryNode'])

class SqliteDriver implements Driver {
  readonly #writer: Statements
  readonly #reader: Statements | undefined
  readonly #batches: Batches
  readonly #idle: SqliteConnection[] = []
  readonly #line: Line
  /** The transaction the running code is inside of, open or ended. */
  readonly #surrounding = new AsyncLocalStorage<OpenTransaction>()
  #open: OpenTransaction | undefined

  constructor(sqlite: DatabaseSync, { reader, beforeStatement, isShared = false }: SqliteOptions) {
    this.#line = new Line(() => this.#open === undefined, isShared)
    this.#writer = new Statements(sqlite, beforeStatement)
    this.#reader = reader && new Statements(reader, beforeStatement)
    this.#batches = new Batches(this.#writer)
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
      this.#batches.commit()
      this.#writer.begin()
      this.#open = transaction
    }
    const begun = this.#inTurn(begin)
    // Before any await, hence seen by the code that Kysely runs inside this transaction, and by no other.
    this.#surrounding.enterWith(transaction)
    await begun
  }

  async commitTransaction(): Promise<void> {
    await untilFree(() => this.#writer.commit())
    this.#close()
  }

  async rollbackTransaction(): Promise<void> {
    try {
      this.#writer.rollback()
    } finally {
      this.#close()
    }
  }

  async destroy(): Promise<void> {
    this.#line.close()
    this.#batches.commit()
    this.#reader?.close()
    this.#writer.close() // last, since only a connection that writes can fold the log into the file
  }

  execute<R>(connection: SqliteConnection, query: CompiledQuery): Promise<QueryResult<R>> {
    return untilFree(() => this.#route<R>(connection, query))
  }

  #route<R>(connection: SqliteConnection, query: CompiledQuery): QueryResult<R> | Promise<QueryResult<R>> {
    const runOn = (statements: Statements): QueryResult<R> => statements.run<R>(query.sql, query.parameters)
    if (this.#open?.connection === connection) return runOn(this.#writer)
    if (!this.#reader) return this.#inTurn(() => runOn(this.#writer))
    if (query.query.kind === 'SelectQueryNode') {
      this.#refuseOuterHandle()
      return runOn(this.#reader)
    }
    if (BATCHED.has(query.query.kind)) return this.#inTurn(() => this.#batches.join(() => runOn(this.#writer)))
    return this.#inTurn(() => {
      this.#batches.commit()
      return runOn(this.#writer)
    })
  }

  #refuseOuterHandle(): void {
    if (this.#open === undefined || this.#open !== this.#surrounding.getStore()) return
    throw new Error('inside a transaction, use the handle it was given: this query would not be part of it')
  }

  /** Does `work` at once, or in the order of asking once the open transaction has ended and no other process holds the lock. */
  #inTurn<T>(work: () => T | Promise<T>): T | Promise<T> {
    this.#refuseOuterHandle()
    return this.#line.inTurn(work)
  }

  /** Ends the open transaction and serves those in line until one of them opens the next. */
  #close(): void {
    this.#open = undefined
    this.#line.serve()
  }
}

class SqliteConnection implements DatabaseConnection {
  readonly #driver: SqliteDriver

  constructor(driver: SqliteDriver) {
    this.#driver = driver
  }

  executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    return this.#driver.execute<R>(this, query)
  }

  // Kysely's interface asks for a generator; this one only refuses, and so never yields.
  // oxlint-disable-next-line require-yield
  async *streamQuery(): AsyncIterableIterator<never> {
    throw new Error('streaming is not offered: a cursor would hold the only connection')
  }
}
