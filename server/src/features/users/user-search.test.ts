import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { NOON, userRow } from '../../../test/database.ts'
import { DATABASES } from '../../../test/databases.ts'
import { stopPostgres } from '../../../test/postgres.ts'
import { createWorld, type World } from '../../../test/world.ts'
import type { Database } from '../../database/schema.ts'
import type { Ordering } from './list-store.ts'
import { pageAt } from './pages.ts'
import { insert, type NewUser } from './store.ts'

afterAll(stopPostgres)

const BY_ID: Ordering = { by: 'id', direction: 'asc' }

const insertUser = (db: Database, name: string, fields: Partial<NewUser> = {}) => insert(db, userRow(name, fields))

/** Four users, the third of them deactivated. */
async function filled(db: Database): Promise<Database> {
  await insertUser(db, 'sara', { firstName: 'سارا', lastName: 'کریمی' })
  await insertUser(db, 'ali', { firstName: 'علی\u200cرضا', lastName: 'يحيى ۲' })
  await insertUser(db, 'Other', { firstName: 'Sara', lastName: 'Karimi', deactivatedAt: NOON })
  await insertUser(db, 'a%b_c')
  return db
}

const FOUND: readonly (readonly [term: string, ids: readonly number[]])[] = [
  ['sara', [1, 3]],
  ['SARA', [1, 3]],
  ['ample.com', [1, 2, 3, 4]],
  ['یحیى', [2]], // typed with the Persian yeh, stored with the Arabic one
  ['کریمی', [1]],
  ['كريمي', [1]],
  ['علیرضا', [2]],
  ['علی\u200cرضا', [2]],
  ['\u200fعلی\u200d\u200cرضا\u200e', [2]],
  ['۲', [2]],
  ['٢', [2]],
  ['2', [2]],
  ['يحيى ۲', [2]],
  ['%', [4]],
  ['b_c', [4]],
  ['bxc', []],
  ['\\', []],
  ["'; drop table users", []],
]

describe.each(DATABASES)('a search on %s', (_, open) => {
  it('finds a term anywhere, in either case and with the letters of either keyboard', async (context) => {
    const db = await filled(await open(context))
    for (const [term, expected] of FOUND) {
      const filter = { terms: [term], isActive: undefined }
      const { users, count } = await pageAt(db, filter, BY_ID, { limit: 10, offset: 0 })
      expect([term, users.map(({ id }) => id), count]).toEqual([term, expected, expected.length])
    }
  })

  it('wants every term, each wherever it stands, and tells the active from the others', async (context) => {
    const db = await filled(await open(context))
    const find = async (terms: string[], isActive?: boolean) =>
      (await pageAt(db, { terms, isActive }, BY_ID, { limit: 10, offset: 0 })).users.map(({ id }) => id)
    expect(await find(['karimi', 'example.com'])).toEqual([3])
    expect(await find(['sara', 'nobody'])).toEqual([])
    expect(await find([], true)).toEqual([1, 2, 4])
    expect(await find([], false)).toEqual([3])
  })
})

let world: World
let token: string

const list = (query: string) => world.call('GET', `/api/users/?${query}`, { token })
const idsOf = (body: { results: { id: number }[] }): number[] => body.results.map(({ id }) => id)

/** Every page from a query on, by the links of the answers. */
async function follow(query: string, link: 'next' | 'previous'): Promise<number[][]> {
  const pages: number[][] = []
  for (let url: string | null = `/api/users/?${query}`; url !== null;) {
    const { status, body } = await world.call('GET', url.replace('http://localhost:8000', ''), { token })
    expect(status).toBe(200)
    pages.push(idsOf(body))
    url = body[link]
  }
  return pages
}

describe('the list of users', () => {
  beforeEach(async () => {
    world = await createWorld()
    token = (await world.admin()).access
    for (const name of ['zoe', 'yas', 'xan', 'vida', 'uma', 'tara'])
      await insertUser(world.latchkey.foundation.db, name)
  })

  it('is searched, counted and linked with what was asked for', async () => {
    const { body } = await list('search=a&limit=2&is_active=true&ordering=-email')
    expect([body.count, idsOf(body)]).toEqual([7, [2, 3]])
    expect(body.next).toBe('http://localhost:8000/api/users/?is_active=true&limit=2&offset=2&ordering=-email&search=a')
    expect((await list('search=as,y')).body.results).toHaveLength(1)
  })

  it.each([
    ['', [1, 2, 3, 4, 5, 6, 7]],
    ['-id', [7, 6, 5, 4, 3, 2, 1]],
    ['created', [1, 2, 3, 4, 5, 6, 7]],
    ['email', [7, 6, 1, 5, 4, 3, 2]],
    ['-email', [2, 3, 4, 5, 1, 6, 7]],
    ['password', [1, 2, 3, 4, 5, 6, 7]],
    ['constructor', [1, 2, 3, 4, 5, 6, 7]],
  ])('is ordered by %s', async (ordering, ids) => {
    expect(idsOf((await list(`ordering=${ordering}`)).body)).toEqual(ids)
    expect((await follow(`ordering=${ordering}&limit=3&cursor=`, 'next')).flat()).toEqual(ids)
  })

  it('takes junk for nothing', async () => {
    const { body } = await list('is_active=perhaps&search=%00,%20,&ordering=&ordering=junk&is_active=constructor')
    expect(body.count).toBe(7)
    expect((await list(`search=${'zoe,'.repeat(500)}`)).body.count).toBe(1)
  })

  it('goes on by cursor, and back, whoever comes and goes meanwhile', async () => {
    const first = await list('cursor=&limit=2&ordering=email')
    expect(Object.keys(first.body)).toEqual(['next', 'previous', 'results'])
    expect([idsOf(first.body), first.body.previous]).toEqual([[7, 6], null])
    const { db } = world.latchkey.foundation
    await db.deleteFrom('users').where('id', '=', 6).execute()
    await insertUser(db, 'aaa')
    const second = await world.call('GET', first.body.next.replace('http://localhost:8000', ''), { token })
    expect(idsOf(second.body)).toEqual([1, 5])
    const back = await world.call('GET', second.body.previous.replace('http://localhost:8000', ''), { token })
    expect([idsOf(back.body), back.body.previous === null]).toEqual([[8, 7], true])
    expect(
      idsOf((await world.call('GET', back.body.next.replace('http://localhost:8000', ''), { token })).body),
    ).toEqual([1, 5])
  })

  it('never has an address in a cursor, nor takes one of another ordering or of nobody', async () => {
    const { body } = await list('cursor=&limit=1&ordering=-email')
    const cursor = new URL(body.next).searchParams.get('cursor')!
    expect(Buffer.from(cursor, 'base64url').toString('latin1')).not.toContain('zoe')
    for (const query of [
      `ordering=email&cursor=${cursor}`,
      'cursor=junk',
      `ordering=-email&cursor=${cursor.startsWith('A') ? 'B' : 'A'}${cursor.slice(1)}`,
    ]) {
      const answer = await list(query)
      expect([answer.status, answer.body.code, answer.body.detail]).toEqual([404, 'not_found', 'Invalid cursor'])
    }
  })
})
