import { errorCode, isTlsCode } from '../kernel/network-fault.ts'
import { DatabaseBusy, NothingDone } from './errors.ts'
import { DatabaseUnfit, type Unfitness } from './unfit.ts'

/** What a statement was when it failed, for what may follow from it. */
export interface Asked {
  /** True where the same statement may be sent twice: it changes nothing, or nothing came of it. */
  readonly isHarmless: boolean
}

// https://www.postgresql.org/docs/current/errcodes-appendix.html
const SERIALIZATION_FAILURE = '40001'
const DEADLOCK_DETECTED = '40P01'
const FEATURE_NOT_SUPPORTED = '0A000'
const UNKNOWN_STATEMENT = '26000'
const STATEMENT_EXISTS = '42P05'
const READ_ONLY = '25006'

/** Undone by the server, whole; the same transaction again may succeed. */
const UNDONE: readonly string[] = [SERIALIZATION_FAILURE, DEADLOCK_DETECTED]

const BUSY: Readonly<Record<string, string>> = {
  '55P03': 'another transaction holds the rows for too long',
  '57014': 'the database took too long',
  '25P03': 'a transaction stood still for too long',
  '25P04': 'a transaction took too long',
  '53300': 'the database has no connection left',
  '53200': 'the database has no memory left',
  [READ_ONLY]: 'the database takes no writes: it is a replica, or was made one',
}

/** The connection is gone, or about to go: a class of codes, and four that say why the server closes it. */
const GONE = /^(?:08...|57P0[1235])$/

const GONE_BY_SYSTEM: readonly string[] = [
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'ENOTFOUND',
  'EAI_AGAIN',
]

/** pg gives these no code. */
const GONE_BY_TEXT =
  /^(?:Connection terminated|Client (?:has encountered|was closed)|timeout exceeded|Query read timeout)/
const TOOK_TOO_LONG = /^(?:timeout exceeded|Query read timeout|Connection terminated due to connection timeout)/

const DATA_EXCEPTION = /^22/

// "Failing row contains (…)", "Key (email)=(…) already exists".
const QUOTING = ['detail', 'where', 'internalQuery']

/** The same error without what PostgreSQL quotes of rows and values: whoever logs an error logs all of it. */
export function withoutValues(error: Error): Error {
  for (const name of QUOTING) Reflect.deleteProperty(error, name)
  if (!DATA_EXCEPTION.test(errorCode(error))) return error
  const told = error.message.replace(/".*"/s, '"…"')
  error.stack = (error.stack ?? '').replace(error.message, () => told)
  error.message = told
  return error
}

/** Whether the connection that gave this error must not be used again. */
export function spoilsConnection(error: Error): boolean {
  return isGone(error) || errorCode(error) === READ_ONLY || errorCode(error) === '25P03'
}

/** Whether the server, or a pooler before it, has not got the prepared statement as we remember it. */
export const isUnprepared = (error: Error): boolean =>
  [UNKNOWN_STATEMENT, STATEMENT_EXISTS].includes(errorCode(error)) || isChangedResult(error)

/** After a migration by another process. The server has refused to run the statement. */
export const isChangedResult = (error: Error): boolean =>
  errorCode(error) === FEATURE_NOT_SUPPORTED && 'routine' in error && error.routine === 'RevalidateCachedQuery'

function isGone(error: Error): boolean {
  const code = errorCode(error)
  return GONE.test(code) || GONE_BY_SYSTEM.includes(code) || GONE_BY_TEXT.test(error.message)
}

/** The 503 that an error stands for, or the error itself when it is another. */
export function busyOr(error: Error, { isHarmless }: Asked): Error {
  const code = errorCode(error)
  if (UNDONE.includes(code)) return new NothingDone('transactions stood in each other’s way', { cause: error })
  if (isUnprepared(error)) return new NothingDone('a prepared statement was not there', { cause: error })
  const reason = BUSY[code]
  if (reason !== undefined) return new DatabaseBusy(reason, { cause: error })
  if (!isGone(error)) return error
  // Whoever has waited once for nothing would wait for nothing again.
  const mayRepeat = isHarmless && !TOOK_TOO_LONG.test(error.message)
  const lost = 'the connection to the database was lost or could not be made'
  return mayRepeat ? new NothingDone(lost, { cause: error }) : new DatabaseBusy(lost, { cause: error })
}

const UNFIT_BY_CODE: Readonly<Record<string, Unfitness>> = {
  '28P01': 'wrong_password',
  '28000': 'not_let_in',
  '3D000': 'no_such_database',
  '42501': 'no_rights',
  [READ_ONLY]: 'read_only',
  ENOTFOUND: 'unknown_host',
  EAI_AGAIN: 'unknown_host',
}

/** The refusal that a failure at the start stands for, or the error itself when it is none. */
export function unfitPostgresOr(error: Error, where: string): Error {
  const seen = rootOf(error)
  const code = errorCode(seen)
  const reason = UNFIT_BY_CODE[code] ?? unfitByText(seen)
  if (reason !== undefined) return new DatabaseUnfit(reason, where, seen.message)
  return isGone(seen) ? new DatabaseUnfit('unreachable', where, seen.message || code) : error
}

function unfitByText(error: Error): Unfitness | undefined {
  if (isUntrusted(error)) return 'not_trusted'
  return error.message.startsWith('unsupported startup parameter') ? 'no_limits' : undefined // PgBouncer's words
}

/** What the database itself said. */
const rootOf = (error: Error): Error => (error.cause instanceof Error ? rootOf(error.cause) : error)

const isUntrusted = (error: Error): boolean =>
  isTlsCode(errorCode(error)) || error.message === 'The server does not support SSL connections'
