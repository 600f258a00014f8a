import { expect, it, onTestFinished, vi } from 'vitest'
import { createRestarts } from './restarts.ts'

it('waits twice as long each time, ten seconds at most, and little again once nothing ended for a while', () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const restarts = createRestarts()
  const pauses = Array.from({ length: 9 }, () => restarts.pause())
  expect(pauses).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000])
  vi.advanceTimersByTime(10_000)
  expect(restarts.pause()).toBe(100)
})

it('gives up after five that ended in a row before they served', () => {
  const restarts = createRestarts()
  const endings = (count: number) => Array.from({ length: count }, () => restarts.isHopeless())
  expect(endings(4)).toEqual([false, false, false, false])
  restarts.served()
  expect(endings(5)).toEqual([false, false, false, false, true])
})
