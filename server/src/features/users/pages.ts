import { setImmediate } from 'node:timers/promises'
import type { Database } from '../../database/schema.ts'
import { blocksOf, countUsers, landmarkOf, sumOf } from './counting.ts'
import { narrow } from './grams-store.ts'
import {
  countMatching,
  findSlice,
  findThese,
  idsWithin,
  type Ordering,
  type Place,
  type Slice,
  type Sought,
  type UserFilter,
  windowEnd,
} from './list-store.ts'
import type { User } from './store.ts'

/*
 * Pages of the list of users, whose cost must not grow with the number of users. Where that cannot be had, as for the count of a
 * search that a tenth of them match, it is worked off in windows, with requests in between.
 */

/** SQLite holds everybody's event loop for one window: a few milliseconds. */
const WINDOW = 1000

/** How those who match are come by. */
type Plan =
  /** Nobody matches. */
  | 'nobody'
  /** By an index, or so few that each may be looked at. */
  | { readonly kind: 'direct'; readonly sought: Sought }
  /** One window after the other. */
  | { readonly kind: 'windows'; readonly sought: Sought }

async function planOf(db: Database, filter: UserFilter): Promise<Plan> {
  if (filter.terms.length === 0) return { kind: 'direct', sought: filter }
  const narrowing = await narrow(db, filter.terms)
  if (narrowing === 'nobody') return 'nobody'
  const sought = { ...filter, grams: narrowing?.grams }
  return { kind: narrowing?.isRare ? 'direct' : 'windows', sought }
}

/** So many of those who match, beyond a place. */
export async function sliceBeyond(
  db: Database,
  filter: UserFilter,
  ordering: Ordering,
  slice: Pick<Slice, 'limit' | 'beyond'>,
): Promise<User[]> {
  const plan = await planOf(db, filter)
  if (plan === 'nobody') return []
  if (plan.kind === 'direct') return findSlice(db, plan.sought, ordering, slice)
  return findThese(db, await firstOf(db, plan.sought, ordering, { ...slice, offset: 0 }))
}

export interface NumberedPage {
  readonly users: readonly User[]
  readonly count: number
}

/** So many of those who match after so many others, and how many match in all. */
export async function pageAt(
  db: Database,
  filter: UserFilter,
  ordering: Ordering,
  { limit, offset }: { readonly limit: number; readonly offset: number },
): Promise<NumberedPage> {
  const plan = await planOf(db, filter)
  if (plan === 'nobody') return { users: [], count: 0 }
  const { kind, sought } = plan
  if (kind === 'windows') {
    const all = await allIds(db, sought)
    const isKnown = ordering.by === 'id' || offset >= all.length
    const sorted = ordering.direction === 'asc' ? all : all.toReversed()
    const ids = isKnown ? sorted.slice(offset, offset + limit) : await firstOf(db, sought, ordering, { limit, offset })
    return { users: await findThese(db, ids), count: all.length }
  }
  if (sought.grams) {
    const users = await findSlice(db, sought, ordering, { limit, offset })
    return { users, count: await countMatching(db, sought) }
  }
  return pageOfAll(db, sought, ordering, { limit, offset })
}

/** Of everyone, or of those who may sign in or may not. */
async function pageOfAll(
  db: Database,
  sought: Sought,
  ordering: Ordering,
  { limit, offset }: { readonly limit: number; readonly offset: number },
): Promise<NumberedPage> {
  if (sought.isActive === undefined && ordering.by === 'id') {
    const blocks = await blocksOf(db)
    const count = sumOf(blocks)
    const landmark = landmarkOf(blocks, ordering.direction, offset)
    return { users: offset < count ? await findSlice(db, sought, ordering, { limit, ...landmark }) : [], count }
  }
  const count = await countStanding(db, sought)
  if (offset >= count) return { users: [], count }
  const near = await stride(db, sought, ordering, offset)
  return { users: await findSlice(db, sought, ordering, { limit, ...near }), count }
}

/** The deactivated have an index, and everybody is counted: those who are left may sign in. */
async function countStanding(db: Database, sought: Sought): Promise<number> {
  const deactivated = () => countMatching(db, { ...sought, isActive: false })
  if (sought.isActive === false) return deactivated()
  return (await countUsers(db)) - (sought.isActive ? await deactivated() : 0)
}

/** Goes as far as there are whole windows before an offset. */
async function stride(
  db: Database,
  sought: Sought,
  ordering: Ordering,
  offset: number,
): Promise<Pick<Slice, 'beyond' | 'offset'>> {
  let [beyond, left]: [Place | undefined, number] = [undefined, offset]
  for (; left >= WINDOW; left -= WINDOW) {
    const [last] = await findSlice(db, sought, ordering, { limit: 1, offset: WINDOW - 1, beyond })
    if (!last) break
    beyond = ordering.by === 'email' ? last.emailKey : last.id
    await setImmediate()
  }
  return { beyond, offset: left }
}

async function* matchingIds(db: Database, sought: Sought, ordering: Ordering, from?: Place): AsyncGenerator<number[]> {
  for (let beyond = from; ;) {
    const upTo = await windowEnd(db, ordering, { beyond, gram: sought.grams?.[0], size: WINDOW })
    if (upTo === undefined) return
    yield await idsWithin(db, sought, ordering, { beyond, upTo })
    beyond = upTo
    await setImmediate()
  }
}

/** By number; a million of them are eight megabytes. */
async function allIds(db: Database, sought: Sought): Promise<number[]> {
  const all: number[] = []
  for await (const ids of matchingIds(db, sought, { by: 'id', direction: 'asc' })) all.push(...ids)
  return all
}

async function firstOf(
  db: Database,
  sought: Sought,
  ordering: Ordering,
  { limit, offset, beyond }: Slice & { readonly offset: number },
): Promise<number[]> {
  const found: number[] = []
  for await (const ids of matchingIds(db, sought, ordering, beyond)) {
    found.push(...ids)
    if (found.length >= offset + limit) break
  }
  return found.slice(offset, offset + limit)
}
