import { type AliasedExpression, type Expression, type ExpressionBuilder, sql, type SqlBool } from 'kysely'
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

/** Which users are looked at: those who match, of the ones with these grams where some are given, the rarest first. */
export interface Sought extends UserFilter {
  readonly grams?: readonly [string, ...string[]] | undefined
}

const placeColumn = ({ by }: Ordering) => (by === 'email' ? 'emailKey' : 'id')

const matching = (db: Database, { grams, ...filter }: Sought) =>
  db
    .selectFrom('users')
    .where((where) => matches(where, filter))
    .$if(grams !== undefined, (query) =>
      query.where('id', 'in', db.selectFrom('userGrams').select('userId').where('gram', '=', grams![0])),
    )

/** Reads every one of those who are sought, unless few of them or an index do. */
export function findSlice(
  db: Database,
  sought: Sought,
  ordering: Ordering,
  { limit, offset = 0, beyond }: Slice,
): Promise<User[]> {
  const column = placeColumn(ordering)
  let query = matching(db, sought).selectAll()
  if (beyond !== undefined) query = query.where(column, ordering.direction === 'asc' ? '>' : '<', beyond)
  return query.orderBy(column, ordering.direction).limit(limit).offset(offset).execute()
}

/** Counts as `findSlice` reads. */
export async function countMatching(db: Database, sought: Sought): Promise<number> {
  const { count } = await matching(db, sought)
    .select((select) => select.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow()
  return Number(count)
}

/** Some of those who may match, one after the other in an ordering. */
interface Window {
  /** Undefined: from the beginning. */
  readonly beyond: Place | undefined
  readonly upTo: Place
}

/** So many users, of all of them or of those with a gram, beyond a place. */
interface Stretch {
  readonly beyond: Place | undefined
  readonly gram: string | undefined
  readonly size: number
}

/** Where a window of at most `size` users ends; undefined where none is left. */
export async function windowEnd(db: Database, ordering: Ordering, stretch: Stretch): Promise<Place | undefined> {
  const end = await db
    .selectFrom(candidatesOf(db, ordering, stretch))
    .select((select) => select.fn[ordering.direction === 'asc' ? 'max' : 'min']<Place | null>('place').as('place'))
    .executeTakeFirstOrThrow()
  return end.place ?? undefined
}

function candidatesOf(
  db: Database,
  { by, direction }: Ordering,
  { beyond, gram, size }: Stretch,
): AliasedExpression<{ place: Place }, 'candidates'> {
  const sign = direction === 'asc' ? '>' : '<'
  if (gram !== undefined && by === 'id') {
    const having = db.selectFrom('userGrams').select('userId as place').where('gram', '=', gram)
    const left = beyond === undefined ? having : having.where('userId', sign, Number(beyond))
    return left.orderBy('userId', direction).limit(size).as('candidates')
  }
  const column = by === 'email' ? 'emailKey' : 'id'
  const all = db.selectFrom('users').select((select) => select.ref(column).$castTo<Place>().as('place'))
  const left = beyond === undefined ? all : all.where(column, sign, beyond)
  return left.orderBy(column, direction).limit(size).as('candidates')
}

/** The ids of those in a window who match, in the ordering's order. */
export async function idsWithin(
  db: Database,
  { grams, ...filter }: Sought,
  ordering: Ordering,
  window: Window,
): Promise<number[]> {
  const column = placeColumn(ordering)
  const users = db
    .selectFrom('users')
    .select('id')
    .where((where) => matches(where, filter))
  const sought =
    grams !== undefined && ordering.by === 'id'
      ? users.where('id', 'in', havingAll(db, grams, ordering, window))
      : users.where(isWithin(sql.ref(column), ordering, window))
  const rows = await sought.orderBy(column, ordering.direction).execute()
  return rows.map(({ id }) => id)
}

function isWithin(place: Expression<unknown>, { direction }: Ordering, { beyond, upTo }: Window): Expression<SqlBool> {
  const [first, last] = direction === 'asc' ? [sql`>`, sql`<=`] : [sql`<`, sql`>=`]
  const end = sql<SqlBool>`${place} ${last} ${upTo}`
  return beyond === undefined ? end : sql<SqlBool>`${place} ${first} ${beyond} and ${end}`
}

/** Along the rows of the first gram; the others are looked up for each. Nobody's own row is read for it. */
function havingAll(db: Database, [first, ...others]: readonly string[], ordering: Ordering, window: Window) {
  const having = db
    .selectFrom('userGrams')
    .select('userGrams.userId')
    .where('userGrams.gram', '=', first!)
    .where(isWithin(sql.ref('userGrams.userId'), ordering, window))
  return others.reduce(
    (query, gram) =>
      query.where(({ exists, selectFrom }) =>
        exists(
          selectFrom('userGrams as other')
            .select('other.gram')
            .where('other.gram', '=', gram)
            .whereRef('other.userId', '=', 'userGrams.userId'),
        ),
      ),
    having,
  )
}

/** These users, in the order of the ids; who is gone is left out. */
export async function findThese(db: Database, ids: readonly number[]): Promise<User[]> {
  if (ids.length === 0) return []
  const users = await db.selectFrom('users').selectAll().where('id', 'in', ids).execute()
  const byId = new Map(users.map((user) => [user.id, user]))
  return ids.flatMap((id) => byId.get(id) ?? [])
}
