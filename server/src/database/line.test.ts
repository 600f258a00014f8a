import { join } from 'node:path'
import { expect, it } from 'vitest'
import { insertUser, openForTest, temporaryFolder } from '../../test/database.ts'
import type { Database } from './schema.ts'

async function twoOnOneFile(isShared: boolean): Promise<[Database, Database]> {
  const location = { kind: 'file', path: join(temporaryFolder(), 'latchkey.db'), isShared } as const
  return [await openForTest({ location }), await openForTest({ location })]
}

const transaction = (db: Database, name: string): Promise<number> =>
  db.transaction().execute((db) => insertUser(db, name))

// Each waiting by itself, looking again when its own pause is over, they came as it happened, the unluckiest after seconds.
it('those who wait for another process come in the order of asking', async () => {
  const [db, other] = await twoOnOneFile(true)
  const { promise: held, resolve: letGo } = Promise.withResolvers<void>()
  const holding = Promise.withResolvers<void>()
  const holder = other.transaction().execute(() => {
    holding.resolve()
    return held
  })
  await holding.promise
  const order: number[] = []
  const waiting = Array.from({ length: 20 }, async (_, n) => {
    await (n % 3 === 0 ? insertUser(db, `user${n}`) : transaction(db, `user${n}`))
    order.push(n)
  })
  letGo()
  await Promise.all([holder, ...waiting])
  expect(order).toEqual([...order].toSorted((a, b) => a - b))
})

// Without the pause of a long line, the other's one transaction comes after all of them.
it('a long line lets another process in between', async () => {
  const [db, other] = await twoOnOneFile(true)
  let done = 0
  const long = Array.from({ length: 200 }, async (_, n) => {
    await transaction(db, `user${n}`)
    done++
  })
  await transaction(other, 'other')
  expect(done).toBeLessThan(200)
  await Promise.all(long)
})
