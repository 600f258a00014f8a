import { setImmediate } from 'node:timers/promises'
import { USERS_IN_A_BLOCK } from '../../database/schema-users.ts'
import type { Database } from '../../database/schema.ts'

/** How many users have an id of this block: all between two multiples of `USERS_IN_A_BLOCK`. */
export interface Block {
  readonly block: number
  readonly users: number
}

/** Every block with a user in it, the lowest ids first. */
export async function blocksOf(db: Database): Promise<Block[]> {
  const blocks = await db
    .selectFrom('userCounts')
    .select((select) => ['block', select.fn.sum<number>('users').as('users')])
    .groupBy('block')
    .orderBy('block')
    .execute()
  return blocks.map(({ block, users }) => ({ block, users: Number(users) })).filter(({ users }) => users > 0)
}

export const sumOf = (blocks: readonly Block[]): number => blocks.reduce((sum, { users }) => sum + users, 0)

/** How many users there are, without reading them. */
export const countUsers = async (db: Database): Promise<number> => sumOf(await blocksOf(db))

/** Where in an order by id a user stands that so many stand before: how many of these are beyond an id that is no user's. */
export interface Landmark {
  /** Undefined: the order's beginning. */
  readonly beyond: number | undefined
  readonly offset: number
}

export function landmarkOf(blocks: readonly Block[], direction: 'asc' | 'desc', offset: number): Landmark {
  let left = offset
  for (const { block, users } of direction === 'asc' ? blocks : blocks.toReversed()) {
    const edge = direction === 'asc' ? block * USERS_IN_A_BLOCK - 1 : (block + 1) * USERS_IN_A_BLOCK
    if (left < users) return { beyond: edge, offset: left }
    left -= users
  }
  return { beyond: undefined, offset }
}

const BATCH = 500

/** Makes one row of the many that a block has had since the last time; the sum stays what it is at every moment. */
export async function foldCounts(db: Database): Promise<void> {
  const blocks = await db
    .selectFrom('userCounts')
    .select('block')
    .groupBy('block')
    .having((having) => having.fn.countAll(), '>', 1)
    .execute()
  for (const { block } of blocks) while ((await foldSome(db, block)) === BATCH) await setImmediate()
}

const foldSome = (db: Database, block: number): Promise<number> =>
  db.transaction().execute(async (db) => {
    const some = db.selectFrom('userCounts').select('id').where('block', '=', block).limit(BATCH)
    const folded = await db.deleteFrom('userCounts').where('id', 'in', some).returning('users').execute()
    const users = folded.reduce((sum, row) => sum + row.users, 0)
    if (users !== 0) await db.insertInto('userCounts').values({ block, users }).execute()
    return folded.length
  })
