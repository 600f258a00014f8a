import { Refusal } from '../kernel/refusal.ts'

/** The database is held by others for about five seconds, is away, or was lost in the middle: a 503. */
export class DatabaseBusy extends Refusal {
  constructor(reason: string, { cause }: ErrorOptions = {}) {
    super('overloaded', reason, { headers: { 'retry-after': '1' } })
    this.name = 'DatabaseBusy'
    this.cause = cause
  }
}

/** The same where nothing of what was asked has happened, so that it may be asked again. */
export class NothingDone extends DatabaseBusy {}

const SQLITE_BUSY = 5
const SQLITE_CONSTRAINT_UNIQUE = 2067
const SQLITE_CONSTRAINT_PRIMARYKEY = 1555
const POSTGRES_UNIQUE_VIOLATION = '23505'

/** True for the error either database raises when a row would repeat what has to be unique. */
export function isUniqueViolation(error: unknown): boolean {
  const code = sqliteErrorCode(error)
  if (code !== undefined) return code === SQLITE_CONSTRAINT_UNIQUE || code === SQLITE_CONSTRAINT_PRIMARYKEY
  return error instanceof Error && 'code' in error && error.code === POSTGRES_UNIQUE_VIOLATION
}

/** SQLite's extended result code (https://sqlite.org/rescode.html), or undefined for an error of another origin. */
export function sqliteErrorCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error)) return undefined
  return typeof error.errcode === 'number' ? error.errcode : undefined
}

/** The result code without its extension: 517 (BUSY_SNAPSHOT) is a kind of 5 (BUSY). */
export function sqlitePrimaryCode(error: unknown): number | undefined {
  const code = sqliteErrorCode(error)
  return code === undefined ? undefined : code & 0xff
}

export const isBusy = (error: unknown): boolean => sqlitePrimaryCode(error) === SQLITE_BUSY

/** What a library gave as an error of unknown type, as the `Error` it is but for malice. */
export const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)))
