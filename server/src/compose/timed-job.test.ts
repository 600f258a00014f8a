import pino from 'pino'
import { expect, it, onTestFinished } from 'vitest'
import { openForTest } from '../../test/database.ts'
import { createTurnedClock } from '../../test/turned-clock.ts'
import { milliseconds, seconds } from '../kernel/duration.ts'
import { startTimedJob, type TimedJob } from './timed-job.ts'

const log = pino({ level: 'silent' })

async function createScene() {
  const db = await openForTest()
  const clock = createTurnedClock()
  const done: string[] = []
  const start = (holder: string, work: TimedJob['work'] = async () => void done.push(holder)) => {
    const stop = startTimedJob({ name: 'tidy', every: milliseconds(20), work }, { db, clock, holder, log })
    onTestFinished(stop)
    return stop
  }
  return { db, clock, done, start }
}

it('is done by one of several, again and again, and by another once that one stopped', async () => {
  const { done, start } = await createScene()
  const stop = start('first')
  await expect.poll(() => done.length).toBeGreaterThan(0)
  start('second')
  await expect.poll(() => done.length).toBeGreaterThan(5)
  expect(new Set(done)).toEqual(new Set(['first']))
  await stop()
  await expect.poll(() => done).toContain('second')
})

it('is done by another once the one who had it is gone without a word', async () => {
  const { clock, done, start } = await createScene()
  start('hung', () => new Promise(() => {}))
  start('second')
  expect(done).toEqual([])
  clock.turn(seconds(1))
  await expect.poll(() => done).toContain('second')
})

it('is tried again after a failure, and told to stop in the middle', async () => {
  const { done, start } = await createScene()
  const stop = start('first', async (_, isStopping) => {
    done.push('begun')
    if (done.length === 1) throw new Error('the disk')
    await expect.poll(isStopping).toBe(true)
    done.push('stopped')
  })
  await expect.poll(() => done.length).toBe(2)
  await stop()
  expect(done).toEqual(['begun', 'begun', 'stopped'])
})
