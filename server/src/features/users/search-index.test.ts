import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { NOON, userRow } from '../../../test/database.ts'
import { DATABASES, twentyAtOnce } from '../../../test/databases.ts'
import { stopPostgres } from '../../../test/postgres.ts'
import type { Database } from '../../database/schema.ts'
import { gramsOf } from '../../kernel/grams.ts'
import type { Ordering, UserFilter } from './list-store.ts'
import { pageAt, sliceBeyond } from './pages.ts'
import { insert, remove, removeUnverified, update } from './store.ts'

afterAll(stopPostgres)

const BY_ID: Ordering = { by: 'id', direction: 'asc' }
const filterOf = (term: string): UserFilter => ({ terms: [term], isActive: undefined })

const make = async (db: Database, name: string, fields = {}): Promise<number> =>
  (await insert(db, userRow(name, fields)))!.id

const search = async (db: Database, term: string): Promise<number[]> => {
  const { users } = await pageAt(db, filterOf(term), BY_ID, { limit: 100, offset: 0 })
  return users.map(({ id }) => id)
}

const gramsLeft = async (db: Database, userId: number): Promise<string[]> => {
  const rows = await db.selectFrom('userGrams').select('gram').where('userId', '=', userId).execute()
  return rows.map(({ gram }) => gram).toSorted()
}

describe.each(DATABASES)('the index of the search on %s', (_, open) => {
  it('finds a user by his new name and address, and no longer by the old ones', async (context) => {
    const db = await open(context)
    const id = await make(db, 'sara', { firstName: 'سارا', lastName: 'Karimi' })
    const email = 'maryam@example.com'
    await db.transaction().execute((db) => update(db, id, { email, emailKey: email, firstName: 'مریم' }))
    const found = await Promise.all(['maryam', 'مریم', 'karimi', 'sara', 'سارا'].map((term) => search(db, term)))
    expect(found).toEqual([[id], [id], [id], [], []])
    expect(await gramsLeft(db, id)).toEqual(gramsOf([email, 'مریم', 'Karimi']).toSorted())
  })

  it('keeps nothing of those who were deleted', async (context) => {
    const db = await open(context)
    const [sara] = [await make(db, 'sara'), await make(db, 'ali')]
    await remove(db, sara)
    await db.transaction().execute((db) => removeUnverified(db, new Date(NOON.getTime() + 1), 10))
    expect(await db.selectFrom('userGrams').selectAll().execute()).toEqual([])
  })

  it('has exactly the name that won when twenty change it at once', async (context) => {
    const db = await open(context)
    const id = await make(db, 'sara', { firstName: 'first' })
    for (let round = 0; round < 5; round++) {
      await twentyAtOnce(db, (db, index) => update(db, id, { firstName: `${index % 2 ? 'alpha' : 'omega'}${index}` }))
      const { firstName } = await db.selectFrom('users').select('firstName').executeTakeFirstOrThrow()
      expect(await gramsLeft(db, id)).toEqual(gramsOf(['sara@example.com', firstName]).toSorted())
    }
  })

  it(
    'gives the same pages and counts as reading everybody would, however many match',
    { timeout: 120_000 },
    async (context) => {
      const db = await open(context)
      const kinds = [{ lastName: 'کریمی' }, { firstName: 'Rezaei' }, { deactivatedAt: NOON, firstName: 'rare' }]
      await db.transaction().execute(async (db) => {
        for (let index = 0; index < 2300; index++) await insert(db, userRow(`person${index}`, kinds[index % 997] ?? {}))
      })
      const all = await db.selectFrom('users').selectAll().orderBy('id').execute()
      for (const [term, isActive] of [
        ['person', undefined],
        ['7', true],
        ['son2', undefined],
        ['rar', false],
        ['e', false],
      ] as const)
        for (const ordering of [BY_ID, { by: 'id', direction: 'desc' }, { by: 'email', direction: 'asc' }] as const) {
          const matching = all
            .filter(({ email, firstName }) => `${email}\n${firstName}`.toLowerCase().includes(term))
            .filter(({ deactivatedAt }) => isActive === undefined || isActive === (deactivatedAt === null))
          const expected =
            ordering.by === 'email' ? matching.toSorted((a, b) => (a.email < b.email ? -1 : 1)) : matching
          const sorted = ordering.direction === 'desc' ? expected.toReversed() : expected
          const filter = { terms: [term], isActive }
          for (const offset of [0, 5, 1002, 2299]) {
            const { users, count } = await pageAt(db, filter, ordering, { limit: 10, offset })
            expect(count).toBe(sorted.length)
            expect(users.map(({ id }) => id)).toEqual(sorted.slice(offset, offset + 10).map(({ id }) => id))
            const last = users.at(-1)
            const beyond = last && (ordering.by === 'email' ? last.emailKey : last.id)
            const next = last ? await sliceBeyond(db, filter, ordering, { limit: 10, beyond }) : []
            expect(next.map(({ id }) => id)).toEqual(
              sorted.slice(last ? offset + 10 : Infinity, offset + 20).map(({ id }) => id),
            )
          }
        }
    },
  )

  it('goes to any offset of everybody, or of those who may sign in, in every order', async (context) => {
    const db = await open(context)
    const rows = Array.from({ length: 2100 }, (_, index) =>
      userRow(`u${String(index).padStart(5, '0')}`, { deactivatedAt: index % 3 === 0 ? NOON : null }),
    )
    await db.insertInto('users').values(rows).execute()
    await db.deleteFrom('users').where('id', 'in', [1, 2, 1500]).execute()
    const all = await db.selectFrom('users').selectAll().orderBy('id').execute()
    for (const isActive of [undefined, true, false])
      for (const ordering of [BY_ID, { by: 'id', direction: 'desc' }, { by: 'email', direction: 'desc' }] as const) {
        const those = all.filter(({ deactivatedAt }) => isActive === undefined || isActive === (deactivatedAt === null))
        const sorted = ordering.direction === 'desc' ? those.toReversed() : those
        for (const offset of [0, 999, 1000, 1390, those.length - 3, those.length, 9e15]) {
          const { users, count } = await pageAt(db, { terms: [], isActive }, ordering, { limit: 7, offset })
          expect(count).toBe(those.length)
          expect(users.map(({ id }) => id)).toEqual(sorted.slice(offset, offset + 7).map(({ id }) => id))
        }
      }
  })
})

describe('the grams of a text', () => {
  it('include those of whatever is found anywhere in it, in any case and with the digits of any script', () => {
    const text = fc.string({ unit: 'binary' })
    const property = fc.property(text, text, text, (before, part, after) => {
      const grams = gramsOf([before + part + after])
      for (const form of [part, part.toUpperCase().toLowerCase() === part.toLowerCase() ? part.toLowerCase() : part])
        expect(grams).toEqual(expect.arrayContaining(gramsOf([form])))
    })
    fc.assert(property)
    expect(gramsOf(['كي۲'])).toEqual(gramsOf(['کی2']))
    expect(gramsOf(['İst', 'ΣΑΣ'])).toEqual(gramsOf(['ist', 'σας']))
    expect(gramsOf(['ab', ''])).toEqual([])
  })
})
