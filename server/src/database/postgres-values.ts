import { types, type CustomTypesConfig } from 'pg'

/**
 * What goes to PostgreSQL for a value of ours: arrays and plain objects are JSON, where `pg` would take an array for one
 * of PostgreSQL's own.
 */
export function toPostgres(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  return value instanceof Date || value instanceof Uint8Array ? value : JSON.stringify(value)
}

const BYTEA: number = types.builtins.BYTEA
const NUMERIC = 1700

type Parse = (text: string) => unknown

/** What `pg` gives as text for fear of its size. Ours are counts and ids, far below 2^53. */
const NUMBERS: readonly number[] = [types.builtins.INT8, NUMERIC]

const parseBytes: Parse = (text) => new Uint8Array(Buffer.from(text.slice(2), 'hex'))

/** How results are read: whole numbers as numbers, bytes as bytes and nothing more, moments as `Date`. */
export const RESULT_TYPES: CustomTypesConfig = {
  getTypeParser: (type: number, format?: 'text' | 'binary'): Parse => {
    if (NUMBERS.includes(type)) return Number
    if (type === BYTEA) return parseBytes
    return types.getTypeParser(type, format) as Parse
  },
}
