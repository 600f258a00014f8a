import { expect, it } from 'vitest'
import { openForTest } from '../../test/database.ts'
import { after, before, hours, milliseconds, seconds } from '../kernel/duration.ts'
import { giveUpLease, takeLease } from './lease.ts'

const NOON = new Date('2026-01-01T12:00:00Z')

it('a job is had by one, who keeps it for as long as he renews it', async () => {
  const db = await openForTest()
  expect(await takeLease(db, 'tidy', 'ana', NOON)).toBe(true)
  expect(await takeLease(db, 'tidy', 'bo', after(NOON, seconds(20)))).toBe(false)
  expect(await takeLease(db, 'tidy', 'ana', after(NOON, seconds(20)))).toBe(true)
  expect(await takeLease(db, 'tidy', 'bo', after(NOON, seconds(49)))).toBe(false)
  expect(await takeLease(db, 'other', 'bo', NOON)).toBe(true)
})

it('a job is had by the next once its lease is over, or given up', async () => {
  const db = await openForTest()
  await takeLease(db, 'tidy', 'ana', NOON)
  expect(await takeLease(db, 'tidy', 'bo', after(NOON, seconds(30)))).toBe(true)
  await giveUpLease(db, 'tidy', 'ana')
  expect(await takeLease(db, 'tidy', 'ana', after(NOON, seconds(31)))).toBe(false)
  await giveUpLease(db, 'tidy', 'bo')
  expect(await takeLease(db, 'tidy', 'ana', after(NOON, seconds(31)))).toBe(true)
})

it('clocks that differ by less than a lease take nothing from each other, and one that was far ahead holds nobody up', async () => {
  const db = await openForTest()
  await takeLease(db, 'tidy', 'ana', NOON)
  expect(await takeLease(db, 'tidy', 'behind', before(NOON, seconds(29)))).toBe(false)
  await takeLease(db, 'tidy', 'ana', after(NOON, hours(9)))
  expect(await takeLease(db, 'tidy', 'bo', NOON)).toBe(true)
})

it('is had by one of twenty who ask at once, in twenty rounds', async () => {
  const db = await openForTest()
  for (let round = 0; round < 20; round++) {
    const now = after(NOON, hours(round))
    const asking = Array.from({ length: 20 }, (_, n) => takeLease(db, 'tidy', `${n}`, now, milliseconds(500)))
    expect((await Promise.all(asking)).filter(Boolean)).toHaveLength(1)
  }
})
