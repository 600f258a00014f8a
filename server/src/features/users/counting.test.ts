import { afterAll, describe, expect, it } from 'vitest'
import { userRow } from '../../../test/database.ts'
import { DATABASES, twentyAtOnce } from '../../../test/databases.ts'
import { stopPostgres } from '../../../test/postgres.ts'
import { USERS_IN_A_BLOCK } from '../../database/schema-users.ts'
import type { Database } from '../../database/schema.ts'
import { blocksOf, countUsers, foldCounts, landmarkOf } from './counting.ts'
import { insert, remove } from './store.ts'

afterAll(stopPostgres)

const make = async (db: Database, name: string): Promise<number> => (await insert(db, userRow(name)))!.id

async function counted(db: Database): Promise<[number, number]> {
  const users = await db.selectFrom('users').select('id').execute()
  return [await countUsers(db), users.length]
}

describe.each(DATABASES)('the count of users on %s', (_, open) => {
  it('is right after twenty came and ten of others went, all at once, and their counts were folded meanwhile', async (context) => {
    const db = await open(context)
    for (let round = 0; round < 5; round++) {
      const there: number[] = []
      for (let index = 0; index < 10; index++) there.push(await make(db, `there${round}-${index}`))
      const coming = twentyAtOnce(db, (db, index) => make(db, `comes${round}-${index}`))
      const going = Promise.all(there.map((id) => db.transaction().execute((db) => remove(db, id))))
      await Promise.all([coming, going, foldCounts(db), foldCounts(db)])
      expect(await counted(db)).toEqual([20 * (round + 1), 20 * (round + 1)])
    }
    await foldCounts(db)
    const left = await db.selectFrom('userCounts').select(['block', 'users']).execute()
    expect(left).toEqual([{ block: 0, users: 100 }])
  })

  it('knows neither who was refused for a taken address nor who came in a transaction that was undone', async (context) => {
    const db = await open(context)
    await Promise.all(Array.from({ length: 5 }, () => insert(db, userRow('sara'))))
    const undone = db.transaction().execute(async (db) => {
      await make(db, 'ali')
      throw new Error('no')
    })
    await expect(undone).rejects.toThrow('no')
    expect(await counted(db)).toEqual([1, 1])
  })

  it('is right where rows came and went without any of our code', async (context) => {
    const db = await open(context)
    await db
      .insertInto('users')
      .values(['a', 'b', 'c'].map((name) => userRow(name)))
      .execute()
    await db.deleteFrom('users').where('id', '>', 1).execute()
    expect(await counted(db)).toEqual([1, 1])
    await db.deleteFrom('users').execute()
    await foldCounts(db)
    expect([await counted(db), await blocksOf(db)]).toEqual([[0, 0], []])
  })

  it('is folded however much has come since the last time', async (context) => {
    const db = await open(context)
    await db
      .insertInto('userCounts')
      .values(Array.from({ length: 1234 }, (_, index) => ({ block: index % 2, users: 1 })))
      .execute()
    await foldCounts(db)
    expect(await blocksOf(db)).toEqual([
      { block: 0, users: 617 },
      { block: 1, users: 617 },
    ])
    expect(await db.selectFrom('userCounts').select('id').execute()).toHaveLength(2)
  })
})

describe('a landmark', () => {
  const blocks = [
    { block: 0, users: 3 },
    { block: 2, users: 2 },
  ]
  const first = 2 * USERS_IN_A_BLOCK

  it.each([
    ['asc', 0, { beyond: -1, offset: 0 }],
    ['asc', 2, { beyond: -1, offset: 2 }],
    ['asc', 3, { beyond: first - 1, offset: 0 }],
    ['asc', 4, { beyond: first - 1, offset: 1 }],
    ['desc', 1, { beyond: first + USERS_IN_A_BLOCK, offset: 1 }],
    ['desc', 2, { beyond: USERS_IN_A_BLOCK, offset: 0 }],
    ['desc', 9, { beyond: undefined, offset: 9 }],
  ] as const)('counting %s stands before the user after %d others', (direction, offset, expected) => {
    expect(landmarkOf(blocks, direction, offset)).toEqual(expected)
  })
})
