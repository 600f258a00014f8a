import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { createLane } from './lane.ts'

/** A queue of numbers to work off, and what was at work at the same time. */
function queueOf(count: number) {
  const waiting = Array.from({ length: count }, (_, index) => index)
  return { waiting, take: async (limit: number) => waiting.splice(0, limit) }
}

it('works off the whole queue, never more than its width at once', async () => {
  const { take } = queueOf(50)
  let atWork = 0
  let most = 0
  const done: number[] = []
  const lane = createLane(4, take, async (item: number) => {
    most = Math.max(most, ++atWork)
    await nextTurn()
    atWork--
    done.push(item)
  })
  await lane.run()
  expect(done).toHaveLength(50)
  expect(most).toBe(4)
})

it('has one worker do two things one after the other', async () => {
  const { take } = queueOf(2)
  const done: number[] = []
  await createLane(1, take, async (item: number) => void done.push(item)).run()
  expect(done).toEqual([0, 1])
})

it('looks again for what came after it had looked', async () => {
  const { waiting, take } = queueOf(0)
  const done: number[] = []
  const lane = createLane(4, take, async (item: number) => void done.push(item))
  const first = lane.run()
  waiting.push(7)
  await Promise.all([first, lane.run()])
  expect(done).toEqual([7])
})

it('rejects when the queue cannot be read, finishes what is in hand, and works again afterwards', async () => {
  const slow = Promise.withResolvers<void>()
  const { waiting, take } = queueOf(1)
  const done: number[] = []
  let broken = false
  const lane = createLane(
    2,
    async (limit) => (broken ? Promise.reject(new Error('gone')) : take(limit)),
    async (item: number) => {
      await slow.promise
      done.push(item)
    },
  )
  const first = lane.run()
  await nextTurn()
  broken = true
  void lane.run().catch(() => {})
  await expect(first).rejects.toThrow('gone')
  broken = false
  waiting.push(1)
  slow.resolve()
  await lane.run()
  expect(new Set(done)).toEqual(new Set([0, 1]))
})

it('takes nothing more once it drains, and waits for what it has', async () => {
  const slow = Promise.withResolvers<void>()
  const { waiting, take } = queueOf(3)
  const done: number[] = []
  const lane = createLane(1, take, async (item: number) => {
    await slow.promise
    done.push(item)
  })
  const running = lane.run()
  await nextTurn()
  const drained = lane.drain()
  slow.resolve()
  await Promise.all([drained, running])
  expect(done).toEqual([0])
  expect(waiting).toEqual([1, 2])
})
