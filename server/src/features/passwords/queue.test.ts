import { expect, it } from 'vitest'
import { createQueue } from './queue.ts'

/** A task that ends when told to. */
function createTask() {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  let begun = false
  const run = () => {
    begun = true
    return promise
  }
  return { run, end: resolve, fail: reject, hasBegun: () => begun }
}

// Lets everything that is ready run.
const settle = () => new Promise((resolve) => setImmediate(resolve))

it('runs so many at once and no more, in the order they came', async () => {
  const queue = createQueue(2, 32)
  const tasks = Array.from({ length: 5 }, createTask)
  const results = tasks.map((task) => queue.run(task.run))
  const begun = () => tasks.map((task) => task.hasBegun())

  await settle()
  expect(begun()).toEqual([true, true, false, false, false])
  expect(queue.load()).toEqual({ running: 2, waiting: 3, done: 0 })
  tasks[1]!.end('second')
  await settle()
  expect(begun()).toEqual([true, true, true, false, false])
  expect(queue.load()).toEqual({ running: 2, waiting: 2, done: 1 })
  for (const task of tasks) task.end('done')
  expect(await Promise.all(results)).toEqual(['done', 'second', 'done', 'done', 'done'])
  expect(queue.load()).toEqual({ running: 0, waiting: 0, done: 5 })
})

it('lets nobody past those who wait when a place comes free', async () => {
  const queue = createQueue(1, 32)
  const [first, waiting, late] = [createTask(), createTask(), createTask()]
  const results = [queue.run(first.run), queue.run(waiting.run)]
  await settle()
  first.end('')
  await results[0]
  results.push(queue.run(late.run))
  await settle()
  expect([waiting.hasBegun(), late.hasBegun()]).toEqual([true, false])
  waiting.end('')
  late.end('')
  await Promise.all(results)
})

it('refuses the 33rd that would have to wait, and takes others once there is room', async () => {
  const queue = createQueue(1, 32)
  const tasks = Array.from({ length: 33 }, createTask)
  const results = tasks.map((task) => queue.run(task.run))
  const refused = createTask()

  await expect(queue.run(refused.run)).rejects.toMatchObject({
    code: 'overloaded',
    status: 503,
    details: { headers: { 'retry-after': '1' } },
  })
  expect(refused.hasBegun()).toBe(false)
  tasks[0]!.end('')
  await results[0]
  const taken = createTask()
  results.push(queue.run(taken.run))
  for (const task of [...tasks, taken]) task.end('')
  await Promise.all(results)
})

it('frees the place of one who went away while waiting', async () => {
  const queue = createQueue(1, 1)
  const [running, left, next] = [createTask(), createTask(), createTask()]
  const client = new AbortController()
  const first = queue.run(running.run)
  const second = queue.run(left.run, client.signal)

  client.abort(new Error('the client has gone'))
  await expect(second).rejects.toThrow('the client has gone')
  const third = queue.run(next.run)
  running.end('')
  next.end('taken')
  await first
  expect(await third).toBe('taken')
  expect(left.hasBegun()).toBe(false)
  expect(queue.load()).toEqual({ running: 0, waiting: 0, done: 2 })
})

it('begins nothing for one who had gone before', async () => {
  const queue = createQueue(1, 1)
  const task = createTask()
  await expect(queue.run(task.run, AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone')
  expect([task.hasBegun(), queue.load().running]).toEqual([false, 0])
})

it('keeps its place free of one who goes away at the very moment it is given to him', async () => {
  const queue = createQueue(1, 1)
  const [running, lucky, next] = [createTask(), createTask(), createTask()]
  const client = new AbortController()
  const first = queue.run(running.run)
  const second = queue.run(lucky.run, client.signal)
  running.end('')
  await first.then(() => client.abort(new Error('too late')))
  lucky.end('')
  await second
  next.end('next')
  expect(await queue.run(next.run)).toBe('next')
  expect(queue.load()).toEqual({ running: 0, waiting: 0, done: 3 })
})

it('a failing task fails for its asker alone and gives its place on', async () => {
  const queue = createQueue(1, 1)
  const [failing, next] = [createTask(), createTask()]
  const results = [queue.run(failing.run), queue.run(next.run)]
  failing.fail(new Error('out of memory'))
  next.end('fine')
  expect(await Promise.allSettled(results)).toMatchObject([{ status: 'rejected' }, { value: 'fine' }])
  expect(queue.load().running).toBe(0)
})
