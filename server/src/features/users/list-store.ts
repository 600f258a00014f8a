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

type Pair = readonly [written: string, alike: string]

// Both forms of yeh and kaf, the Persian and the Arabic, are on people's keyboards; joiners and marks of direction are seen by
// nobody. Both databases fold ASCII letters alike; what else has two cases is left as the database's own `lower` has it.
const LETTERS: readonly Pair[] = [
  ['\u064a', '\u06cc'],
  ['\u0643', '\u06a9'],
  ...['\u200c', '\u200d', '\u200e', '\u200f', '\u061c'].map((unseen): Pair => [unseen, '']),
]
const DIGITS: readonly Pair[] = Array.from('۰۱۲۳۴۵۶۷۸۹٠١٢٣٤٥٦٧٨٩', (digit) => [digit, toAsciiDigits(digit)])

const folded = (text: Expression<string>, pairs: readonly Pair[]): Expression<string> =>
  sql<string>`lower(${pairs.reduce((inner, [written, alike]) => sql`replace(${inner}, ${written}, ${alike})`, text)})`

/** The term anywhere in another text; `%`, `_` and the escape itself stand for themselves. */
const patternOf = (term: string): Expression<string> => sql<string>`${`%${term.replace(/[\\%_]/g, '\\$&')}%`}`

function matches(where: ExpressionBuilder<Schema, 'users'>, { terms, isActive }: UserFilter): Expression<SqlBool> {
  const found = (term: string) => {
    // Twenty more replacements in every row, so only where there is a digit to be found.
    const pairs = /\p{Nd}/u.test(term) ? [...LETTERS, ...DIGITS] : LETTERS
    const pattern = folded(patternOf(term), pairs)
    const columns = (['email', 'firstName', 'lastName'] as const).map((column) => folded(where.ref(column), pairs))
    return where.or(columns.map((column) => sql<SqlBool>`${column} like ${pattern} escape '\\'`))
  }
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
