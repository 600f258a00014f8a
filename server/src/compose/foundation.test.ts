import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { expect, it, onTestFinished } from 'vitest'
import { createCommandWorld } from '../../test/command.ts'
import { insertUser, temporaryFolder } from '../../test/database.ts'
import { DatabaseMissing, dataFiles, refuseMissingDatabase } from './foundation.ts'

// Without the refusal each of them makes a new database, in which user ids begin at 1 again under the same signing keys.
it.each([
  'serve',
  'migrate',
  'keys list',
  'keys rotate --compromised',
  'keys rekey --yes',
  'users activate 1',
  'create-admin --email a@example.com --password-stdin',
])('a lost database is not replaced by a new one: %s says what to restore and makes nothing', async (words) => {
  const world = createCommandWorld()
  await world.inside(({ db }) => insertUser(db, 'sara'))
  rmSync(join(world.dataDir, 'latchkey.db'))
  const left = readdirSync(world.dataDir)
  const { code, err } = await world.type(words, { standardInput: 'Correct-Horse-7' })
  expect(code).toBe(1)
  expect(err).toContain(`The database ${join(world.dataDir, 'latchkey.db')} is missing`)
  expect(err).toContain('Restore it from the backup')
  expect(err).toContain('move keys.json (and secret.key) away')
  expect(readdirSync(world.dataDir)).toEqual(left)
})

it('a lost database that is restored is taken again, and one given up is begun anew once its keys are moved away', async () => {
  const world = createCommandWorld()
  await world.inside(({ db }) => insertUser(db, 'sara'))
  const [database, elsewhere] = [join(world.dataDir, 'latchkey.db'), join(world.dataDir, 'backup')]
  renameSync(database, elsewhere)
  await expect(world.inside(async () => {})).rejects.toThrow(DatabaseMissing)
  renameSync(elsewhere, database)
  const emails = () => world.inside(({ db }) => db.selectFrom('users').select('email').execute())
  expect(await emails()).toEqual([{ email: 'sara@example.com' }])
  for (const name of ['latchkey.db', 'keys.json', 'secret.key']) rmSync(join(world.dataDir, name))
  expect(await emails()).toEqual([])
})

// What a first start does, in its order, in one folder after another.
const FIRST_STARTS = `
  const { closeSync, mkdirSync, openSync } = require('node:fs')
  for (let round = 0; round < 1000; round++) {
    const folder = process.argv[1] + '/' + round
    mkdirSync(folder)
    for (const name of ['latchkey.db', 'keys.json']) closeSync(openSync(folder + '/' + name, 'wx'))
  }`

// Fails, in most runs, when the database is looked for before the keys.
it("another process's first start is never taken for a lost database", async () => {
  const root = temporaryFolder()
  const other = spawn(process.execPath, ['-e', FIRST_STARTS, root])
  const ended = once(other, 'close')
  onTestFinished(() => void other.kill('SIGKILL'))
  for (let round = 0; round < 1000; round++) {
    const files = dataFiles(join(root, String(round)))
    while (!existsSync(files.keys) && other.exitCode === null) {
      for (let look = 0; look < 100; look++) refuseMissingDatabase(files)
      await setImmediate()
    }
  }
  expect(await ended).toEqual([0, null])
})
