import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite'
import type { QueryResult } from 'kysely'
import { toResultColumn, toRow, toSqlite, type ResultColumn } from './values.ts'

/** Sees each statement before it runs, `begin` and `commit` too, `rollback` not. What it throws, the statement throws. */
export type BeforeStatement = (sql: string) => void

/** More than the product has queries; bounded since `in (?, ?, …)` makes a new text for each length. */
const CAPACITY = 500

interface Prepared {
  readonly statement: StatementSync
  readonly columns: readonly ResultColumn[]
}

/** One connection to SQLite, which keeps its statements prepared and runs each to its end before it returns. */
export class Statements {
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

  begin(): void {
    this.run('begin immediate', [])
  }

  commit(): void {
    this.run('commit', [])
  }

  get isInTransaction(): boolean {
    return this.#sqlite.isTransaction
  }

  /** A full disk or an I/O error has rolled back already; a second rollback would hide what happened. */
  rollback(): void {
    if (this.#sqlite.isTransaction) this.#sqlite.exec('rollback')
  }

  close(): void {
    this.#prepared.clear()
    this.#sqlite.close()
  }

  #prepare(sql: string): Prepared {
    const statement = this.#sqlite.prepare(sql, { returnArrays: true })
    const prepared = { statement, columns: statement.columns().map(toResultColumn) }
    if (this.#prepared.size >= CAPACITY) {
      const oldest = this.#prepared.keys().next()
      if (!oldest.done) this.#prepared.delete(oldest.value)
    }
    this.#prepared.set(sql, prepared)
    return prepared
  }
}
