import type { SQLInputValue, SQLOutputValue, StatementColumnMetadata } from 'node:sqlite'

const ISO_LENGTH = '2026-01-31T12:00:00.000Z'.length

/**
 * What SQLite stores for a value of ours: moments as ISO text in UTC (so that their order as text is their order in
 * time), booleans as 0 and 1, plain objects and arrays as JSON text, bytes as they are.
 *
 * Everything else is refused. `node:sqlite` takes an object in first place for named parameters and silently shifts
 * the rest, binds nothing for a `Date`, and null for NaN.
 *
 * @throws {TypeError}
 */
export function toSqlite(value: unknown): SQLInputValue {
  if (typeof value === 'string' || typeof value === 'bigint' || value === null) return value
  if (typeof value === 'number' && Number.isFinite(value)) return value
  if (typeof value === 'boolean') return value ? 1 : 0
  if (value instanceof Uint8Array) return value
  if (value instanceof Date) return momentToText(value)
  if (typeof value === 'object' && isJson(value)) return JSON.stringify(value)
  throw new TypeError(`a value of the kind ${kindOf(value)} cannot be stored`)
}

function momentToText(moment: Date): string {
  const text = Number.isNaN(moment.getTime()) ? '' : moment.toISOString()
  if (text.length !== ISO_LENGTH) throw new TypeError('no moment in the years 0 to 9999, hence not stored')
  return text
}

function isJson(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === Array.prototype || prototype === null
}

/** The kind of a value, never the value itself: it may be a secret. */
function kindOf(value: unknown): string {
  if (typeof value === 'number') return 'NaN or Infinity'
  return typeof value === 'object' && value !== null ? value.constructor.name : typeof value
}

/** How one column of a result reaches us. `read` is undefined where what SQLite gives is right as it is. */
export interface ResultColumn {
  readonly name: string
  readonly read: ((stored: SQLOutputValue) => unknown) | undefined
}

/**
 * By the type the column was declared with. An expression (`max(created_at)`) has none and comes as SQLite gives it:
 * let such results be numbers, or select the column itself.
 */
export function toResultColumn(column: StatementColumnMetadata): ResultColumn {
  return { name: toCamelCase(column.name), read: READERS[column.type?.toLowerCase() ?? ''] }
}

const READERS: Readonly<Record<string, ResultColumn['read']>> = {
  timestamptz: (stored) => (stored === null ? null : new Date(String(stored))),
  boolean: (stored) => (stored === null ? null : stored !== 0),
  jsonb: (stored): unknown => (stored === null ? null : JSON.parse(String(stored))),
}

export function toRow(columns: readonly ResultColumn[], stored: readonly SQLOutputValue[]): Record<string, unknown> {
  const row: Record<string, unknown> = {}
  for (let index = 0; index < columns.length; index++) {
    const { name, read } = columns[index]!
    row[name] = read ? read(stored[index]!) : stored[index]
  }
  return row
}

const camelCased = new Map<string, string>()

/** `email_key` to `emailKey`. Remembers, since results name the same few dozen columns. */
export function toCamelCase(name: string): string {
  let camel = camelCased.get(name)
  if (camel === undefined) {
    camel = name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
    camelCased.set(name, camel)
  }
  return camel
}

const snakeCased = new Map<string, string>()

/** `emailKey` to `email_key`. Remembers, since every query names the same few dozen columns. */
export function toSnakeCase(name: string): string {
  let snake = snakeCased.get(name)
  if (snake === undefined) {
    snake = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
    snakeCased.set(name, snake)
  }
  return snake
}
