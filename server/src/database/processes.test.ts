import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { insertUser, openForTest, temporaryFolder } from '../../test/database.ts'
import { DATABASE_PROCESS, runDatabase } from '../../test/run-database.ts'
import { DatabaseBusy } from './errors.ts'

it('lets processes that start at once on no file make one database together', async () => {
  for (let round = 0; round < 5; round++) {
    const path = join(temporaryFolder(), 'latchkey.db')
    const answers = await Promise.all([1, 2, 3, 4].map(() => runDatabase([path, 'open'])))
    expect(answers.filter((answer) => !answer.steps)).toStrictEqual([])
    const steps = answers.flatMap((answer) => answer.steps ?? []).toSorted()
    expect(steps).toStrictEqual(['created', 'migrated'])
  }
})

it('lets two processes write as fast as they can, and no one sees a lock or loses an update', async () => {
  // Fails with `begin` in place of `begin immediate`: reading first, one of the two is refused at once.
  const path = join(temporaryFolder(), 'latchkey.db')
  const db = await openForTest({ location: { kind: 'file', path } })
  const answers = await Promise.all([runDatabase([path, 'add', '300']), runDatabase([path, 'add', '300'])])
  expect(answers).toStrictEqual([{ steps: [] }, { steps: [] }])
  const rows = await db.selectFrom('meta').selectAll().execute()
  expect(rows.find((row) => row.key === 'sum')?.value).toBe('600')
  expect(rows).toHaveLength(601)
})

it('goes on reading while another process keeps the write lock, and writes once that lets go', async () => {
  const path = join(temporaryFolder(), 'latchkey.db')
  const db = await openForTest({ location: { kind: 'file', path } })
  const holder = spawn(process.execPath, [DATABASE_PROCESS, path, 'hold', '500'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(holder.stdout, 'data')
  const order: string[] = []
  const write = insertUser(db, 'ana').then(() => order.push('written'))
  const transaction = db
    .transaction()
    .execute((db) => insertUser(db, 'bo'))
    .then(() => order.push('committed'))
  expect(await db.selectFrom('users').select('id').execute()).toStrictEqual([])
  order.push('read')
  await Promise.all([write, transaction, once(holder, 'close')])
  expect(order[0]).toBe('read')
  expect(await db.selectFrom('users').select('id').execute()).toHaveLength(2)
})

// With SQLite's own wait (`timeout` above 0) the event loop stands still meanwhile, and nothing ticks.
it('goes on with everything else while many wait for the lock of another process', async () => {
  const path = join(temporaryFolder(), 'latchkey.db')
  const db = await openForTest({ location: { kind: 'file', path } })
  const holder = spawn(process.execPath, [DATABASE_PROCESS, path, 'hold', '1000'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(holder.stdout, 'data')
  let ticks = 0
  const ticking = setInterval(() => ticks++, 10)
  await Promise.all(Array.from({ length: 32 }, (_, n) => db.transaction().execute((db) => insertUser(db, `user${n}`))))
  clearInterval(ticking)
  expect(ticks).toBeGreaterThan(10)
  await once(holder, 'close')
})

it('gives up with DatabaseBusy when another process never lets go', async () => {
  const path = join(temporaryFolder(), 'latchkey.db')
  const db = await openForTest({ location: { kind: 'file', path } })
  const holder = spawn(process.execPath, [DATABASE_PROCESS, path, 'hold', '60000'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(holder.stdout, 'data')
  await expect(insertUser(db, 'ana')).rejects.toThrow(DatabaseBusy)
  holder.kill('SIGKILL')
  await once(holder, 'close')
  await insertUser(db, 'ana')
})

it('refuses a file it may not write, naming it and the remedy', async () => {
  const folder = temporaryFolder()
  const data = join(folder, 'data')
  mkdirSync(data)
  const path = join(data, 'latchkey.db')
  expect(await runDatabase([path, 'open'])).toMatchObject({ steps: ['created', 'migrated'] })
  chmodSync(folder, 0o755)
  chmodSync(data, 0o755)
  chmodSync(path, 0o444)
  // Nothing is forbidden to root, so it is nobody who tries.
  const answer = await runDatabase([path, 'open-unprivileged'])
  expect(answer.reason).toBe('no_permission')
  expect(answer.failed).toContain(path)
  expect(answer.failed).toContain('both rights')
})
