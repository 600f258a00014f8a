import { type Expression, type ExpressionBuilder, sql, type SqlBool } from 'kysely'
import type { Database, Schema } from '../../database/schema.ts'
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

// Both forms of yeh and kaf, the Persian and the Arabic, are on people's keyboards, and a zero-width non-joiner is seen by
// nobody. Both databases fold ASCII letters alike; what else has two cases is left as the database's own `lower` has it.
const ARABIC_YEH = '\u064a'
const PERSIAN_YEH = '\u06cc'
const ARABIC_KAF = '\u0643'
const PERSIAN_KAF = '\u06a9'
const NON_JOINER = '\u200c'

const folded = (text: Expression<string>): Expression<string> => sql<string>`lower(replace(replace(replace(
  ${text}, ${ARABIC_YEH}, ${PERSIAN_YEH}), ${ARABIC_KAF}, ${PERSIAN_KAF}), ${NON_JOINER}, ''))`

/** The term anywhere in another text; `%`, `_` and the escape itself stand for themselves. */
const patternOf = (term: string): Expression<string> => folded(sql<string>`${`%${term.replace(/[\\%_]/g, '\\$&')}%`}`)

function matches(where: ExpressionBuilder<Schema, 'users'>, { terms, isActive }: UserFilter): Expression<SqlBool> {
  const columns = (['email', 'firstName', 'lastName'] as const).map((column) => folded(where.ref(column)))
  const found = (term: string) =>
    where.or(columns.map((column) => sql<SqlBool>`${column} like ${patternOf(term)} escape '\\'`))
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
