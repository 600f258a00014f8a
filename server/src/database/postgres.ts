import { createHash } from 'node:crypto'
import {
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  sql,
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type Kysely,
  type QueryResult,
  type TableMetadata,
} from 'kysely'
import type { Pool, PoolClient, QueryArrayResult } from 'pg'
import { asError, DatabaseBusy } from './errors.ts'
import { busyOr, isUnprepared, isChangedResult, spoilsConnection, withoutValues } from './postgres-errors.ts'
import { toPostgres } from './postgres-values.ts'
import { repeated } from './repeat.ts'
import type { BeforeStatement } from './statements.ts'
import { toCamelCase, toSnakeCase } from './values.ts'

/**
 * Kysely on a pool of connections to PostgreSQL. A single statement is sent again, at most twice, where nothing can have
 * come of it: no connection was had, it only reads, or the server has undone it. What fails for want of the database is a
 * `DatabaseBusy`.
 */
export function createPostgresDialect(pool: Pool, beforeStatement?: BeforeStatement): Dialect {
  return {
    createDriver: () => new PostgresDriver(pool, beforeStatement),
    createQueryCompiler: () => new SnakeCaseCompiler(),
    createAdapter: () => new Adapter(),
    createIntrospector: (db) => new OwnSchema(db),
  }
}

/** As on SQLite, so that one query is one text but for its placeholders. */
class SnakeCaseCompiler extends PostgresQueryCompiler {
  protected override sanitizeIdentifier(identifier: string): string {
    return super.sanitizeIdentifier(toSnakeCase(identifier))
  }
}

class Adapter extends PostgresAdapter {
  // `openPostgres` holds a lock of its own for as long as the transaction of all migrations. Kysely's belongs to a session,
  // which behind a pooler is somebody else's at the next statement.
  override async acquireMigrationLock(): Promise<void> {}
  override async releaseMigrationLock(): Promise<void> {}
}

/** Sees the tables of our schema alone: another program in the same database may use Kysely too. */
class OwnSchema extends PostgresIntrospector {
  readonly #db: Kysely<unknown>

  constructor(db: Kysely<unknown>) {
    super(db)
    this.#db = db
  }

  override async getTables(...options: Parameters<PostgresIntrospector['getTables']>): Promise<TableMetadata[]> {
    const own = await sql<{ schema: string }>`select current_schema() as schema`.execute(this.#db)
    const tables = await super.getTables(...options)
    return tables.filter(({ schema }) => schema === own.rows[0]?.schema)
  }
}

class PostgresDriver implements Driver {
  readonly #pool: Pool
  readonly #names = new StatementNames()
  readonly #beforeStatement: BeforeStatement | undefined

  constructor(pool: Pool, beforeStatement: BeforeStatement | undefined) {
    this.#pool = pool
    this.#beforeStatement = beforeStatement
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<PostgresConnection> {
    return new PostgresConnection(this.#pool, this.#names, this.#beforeStatement)
  }

  async releaseConnection(): Promise<void> {}

  beginTransaction(connection: PostgresConnection): Promise<void> {
    return connection.begin()
  }

  commitTransaction(connection: PostgresConnection): Promise<void> {
    return connection.commit()
  }

  rollbackTransaction(connection: PostgresConnection): Promise<void> {
    return connection.rollback()
  }

  destroy(): Promise<void> {
    return this.#pool.end()
  }
}

/** Has a connection of the pool for as long as a transaction is open, else for one statement at a time. */
class PostgresConnection implements DatabaseConnection {
  readonly #pool: Pool
  readonly #names: StatementNames
  readonly #beforeStatement: BeforeStatement | undefined
  #client: PoolClient | undefined
  /** Whether the client is to be thrown away rather than used again. */
  #isSpoilt = false

  constructor(pool: Pool, names: StatementNames, beforeStatement: BeforeStatement | undefined) {
    this.#pool = pool
    this.#names = names
    this.#beforeStatement = beforeStatement
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    // Whatever is lost before the commit never happened, and `repeated` around the whole transaction may begin anew.
    if (this.#client) return this.#run(this.#client, query.sql, query.parameters, { isHarmless: true })
    const isHarmless = query.query.kind === 'SelectQueryNode'
    return repeated(async () => {
      const client = await this.#take()
      try {
        return await this.#run<R>(client, query.sql, query.parameters, { isHarmless })
      } finally {
        this.#release()
      }
    })
  }

  async begin(): Promise<void> {
    const client = await this.#take()
    try {
      await this.#run(client, 'begin', [], { isHarmless: true })
    } catch (error) {
      this.#release()
      throw error
    }
  }

  async commit(): Promise<void> {
    const { command } = await this.#send(this.#taken(), 'commit', [], { isHarmless: false })
    this.#release()
    // So answers a server that had undone everything at an error which the code then went on from.
    if (command === 'ROLLBACK') throw new Error('a transaction that had failed was to be committed')
  }

  async rollback(): Promise<void> {
    if (!this.#client) return
    try {
      if (!this.#isSpoilt) await this.#client.query('rollback')
    } catch {
      // The server rolls back what a lost connection leaves; what happened first is what is to be told.
      this.#isSpoilt = true
    } finally {
      this.#release()
    }
  }

  // Kysely's interface asks for a generator; this one only refuses, and so never yields.
  // oxlint-disable-next-line require-yield
  async *streamQuery(): AsyncIterableIterator<never> {
    throw new Error('streaming is not offered: no query gives more than a page')
  }

  async #take(): Promise<PoolClient> {
    try {
      this.#client = await this.#pool.connect()
      return this.#client
    } catch (error) {
      const failure = asError(error)
      const busy = busyOr(failure, { isHarmless: true })
      // A password that is no longer right, a database that was dropped: the operator's to mend, and no fault of the request.
      throw busy === failure ? new DatabaseBusy('the database lets nobody in', { cause: failure }) : busy
    }
  }

  #taken(): PoolClient {
    if (!this.#client) throw new Error('no transaction is open')
    return this.#client
  }

  #release(): void {
    const client = this.#client
    this.#client = undefined
    client?.release(this.#isSpoilt)
    this.#isSpoilt = false
  }

  async #run<R>(
    client: PoolClient,
    text: string,
    parameters: readonly unknown[],
    asked: { readonly isHarmless: boolean },
  ): Promise<QueryResult<R>> {
    const { command, rowCount, fields, rows } = await this.#send(client, text, parameters, asked)
    const names = fields.map(({ name }) => toCamelCase(name))
    return {
      rows: rows.map((values) => toRow(names, values) as R),
      ...(CHANGING.has(command) && { numAffectedRows: BigInt(rowCount ?? 0) }),
    }
  }

  async #send(
    client: PoolClient,
    text: string,
    parameters: readonly unknown[],
    asked: { readonly isHarmless: boolean },
  ): Promise<QueryArrayResult<unknown[]>> {
    this.#beforeStatement?.(text)
    try {
      const isPrepared = parameters.length > 0 && parameters.length <= MOST_PARAMETERS
      const name = isPrepared ? this.#names.of(text) : undefined
      const values = parameters.map(toPostgres)
      return await client.query<unknown[]>({ text, values, rowMode: 'array', ...(name !== undefined && { name }) })
    } catch (error) {
      const failure = withoutValues(asError(error))
      if (spoilsConnection(failure)) this.#isSpoilt = true
      if (isUnprepared(failure)) this.#names.forget({ forGood: !isChangedResult(failure) })
      throw busyOr(failure, asked)
    }
  }
}

function toRow(names: readonly string[], values: readonly unknown[]): Record<string, unknown> {
  const row: Record<string, unknown> = {}
  for (let index = 0; index < names.length; index++) row[names[index]!] = values[index]
  return row
}

const CHANGING: ReadonlySet<string> = new Set(['INSERT', 'UPDATE', 'DELETE'])

// A whole row has half as many. What has more holds a list, and each length of a list is a text of its own.
const MOST_PARAMETERS = 50

/** More than the product has queries; bounded, since each connection keeps them and `in ($1, $2, …)` has many lengths. */
const CAPACITY = 500

/** By which name each text is prepared once a connection. */
class StatementNames {
  readonly #names = new Map<string, string>()
  #generation = 0
  #areUsed = true

  /** Undefined: not to be prepared. */
  of(text: string): string | undefined {
    const known = this.#names.get(text)
    if (known !== undefined || !this.#areUsed || this.#names.size >= CAPACITY) return known
    const name = `l${this.#generation}_${createHash('sha256').update(text).digest('hex').slice(0, 32)}`
    this.#names.set(text, name)
    return name
  }

  /** Prepares everything anew; or, for good, nothing: a pooler is in between that does not know prepared statements. */
  forget({ forGood }: { readonly forGood: boolean }): void {
    this.#names.clear()
    this.#generation++
    if (forGood) this.#areUsed = false
  }
}
