import { type Expression, type ExpressionBuilder, sql, type SqlBool } from 'kysely'
import type { Database, Schema } from '../../database/schema.ts'
import { toAsciiDigits } from '../../kernel/digits.ts'
import type { User } from './store.ts'

/** Which users a list is of. */
export interface UserFilter {
  /** Each is found in the e-mail address, the first or the last name. */
  readonly terms: readonly string[]
  readonly isActive: boolean | undefined
}

/** By number, which is the order they were made in, or by address. Both are unique: no two users share a place. */
export interface Ordering {
  readonly by: 'id' | 'email'
  readonly direction: 'asc' | 'desc'
}

/** A user's place in an ordering: the number, or the e-mail key. */
export type Place = number | string

/** So many of those that match, beyond a place or after as many others. */
export interface Slice {
  readonly limit: number
  readonly offset?: number
  readonly beyond?: Place | undefined
}

// Both forms of yeh and kaf, the Persian and the Arabic, are on people's keyboards; joiners and marks of direction are seen by
// nobody. Both databases fold ASCII letters alike; what else has two cases is left as the database's own `lower` has it.
const ALIKE: readonly (readonly [written: string, alike: string])[] = [
  ['\u064a', '\u06cc'],
  ['\u0643', '\u06a9'],
  ...['\u200c', '\u200d', '\u200e', '\u200f', '\u061c'].map((unseen) => [unseen, ''] as const),
]

const folded = (text: Expression<string>): Expression<string> =>
  sql<string>`lower(${ALIKE.reduce((inner, [written, alike]) => sql`replace(${inner}, ${written}, ${alike})`, text)})`

const DIGIT_ZEROS = [0x30, 0x06f0, 0x0660] // ASCII, Persian, Arabic

/** The term with its digits in each of the scripts they may be stored in. */
function spellings(term: string): string[] {
  const ascii = toAsciiDigits(term)
  return DIGIT_ZEROS.map((zero) => ascii.replace(/[0-9]/g, (digit) => String.fromCodePoint(zero + Number(digit))))
}

/** A term anywhere in a column; `%`, `_` and the escape itself stand for themselves. */
function contains(column: Expression<string>, term: string): Expression<SqlBool> {
  // What is folded is not ASCII: where only ASCII is sought, each row is spared it.
  const fold = /^[\0-\x7f]*$/.test(term) ? lowered : folded
  const pattern = sql<string>`${`%${term.replace(/[\\%_]/g, '\\$&')}%`}`
  return sql<SqlBool>`${fold(column)} like ${fold(pattern)} escape '\\'`
}

const lowered = (text: Expression<string>): Expression<string> => sql<string>`lower(${text})`

function matches(where: ExpressionBuilder<Schema, 'users'>, { terms, isActive }: UserFilter): Expression<SqlBool> {
  const columns = (['email', 'firstName', 'lastName'] as const).map((column) => where.ref(column))
  const found = (term: string) =>
    where.or([...new Set(spellings(term))].flatMap((each) => columns.map((column) => contains(column, each))))
  const activity = isActive === undefined ? [] : [where('deactivatedAt', isActive ? 'is' : 'is not', null)]
  return where.and([...terms.map(found), ...activity])
}

export function findSlice(
  db: Database,
  filter: UserFilter,
  { by, direction }: Ordering,
  { limit, offset = 0, beyond }: Slice,
): Promise<User[]> {
  const column = by === 'email' ? 'emailKey' : 'id'
  let query = db
    .selectFrom('users')
    .selectAll()
    .where((where) => matches(where, filter))
  if (beyond !== undefined) query = query.where(column, direction === 'asc' ? '>' : '<', beyond)
  return query.orderBy(column, direction).limit(limit).offset(offset).execute()
}

export async function countMatching(db: Database, filter: UserFilter): Promise<number> {
  const { count } = await db
    .selectFrom('users')
    .select((select) => select.fn.countAll<number>().as('count'))
    .where((where) => matches(where, filter))
    .executeTakeFirstOrThrow()
  return Number(count)
}
