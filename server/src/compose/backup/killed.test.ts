import { cpSync, existsSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, it } from 'vitest'
import { createCommandWorld, startedWorld } from '../../../test/command.ts'
import { insertUser, temporaryFolder } from '../../../test/database.ts'
import { startProcess } from '../../../test/process.ts'
import { days } from '../../kernel/duration.ts'
import { systemClock } from '../../kernel/clock.ts'
import { dataFiles } from '../foundation.ts'

const RESTORE = resolve(import.meta.dirname, '../../../test/faults/restore-process.ts')

const STEPS = ['unpacking', 'settling', 'aside', 'keys copied', 'latchkey.db moved', 'database', 'done']

/** A backup with `sara` in it, and a data folder with `omid` too. */
async function twoStates() {
  const world = await startedWorld()
  // The processes below go by the machine's own clock, which is behind that of the test at no time.
  world.clock.turn((systemClock.now().getTime() - world.clock.now().getTime() - days(1)) as never)
  await world.inside(({ db }) => insertUser(db, 'sara'))
  const file = join(temporaryFolder(), 'backup.tar')
  expect((await world.type(`backup --to ${file}`)).code).toBe(0)
  await world.inside(({ db }) => insertUser(db, 'omid'))
  return { file, dataDir: world.dataDir }
}

const namesIn = (database: string): unknown[] => {
  const sqlite = new DatabaseSync(database, { readOnly: true })
  try {
    return sqlite
      .prepare('select email from users order by id')
      .all()
      .map((row) => row['email'])
  } finally {
    sqlite.close()
  }
}

it(
  'a restore killed in front of any step leaves the old, the new or a refusal to start, and another one finishes it',
  { timeout: 120_000 },
  async () => {
    const { file, dataDir } = await twoStates()
    for (const step of [...STEPS, 'never']) {
      const folder = join(temporaryFolder(), 'data')
      cpSync(dataDir, folder, { recursive: true })
      const killed = startProcess([RESTORE, folder, file, step])
      expect(await killed.ended(), killed.err()).toBe(step === 'never' ? 0 : 'SIGKILL')
      if (step === 'never') expect([...new Set(killed.out().trim().split('\n'))]).toEqual([...STEPS, 'restored'])
      const { database } = dataFiles(folder)
      const start = createCommandWorld({ DATA_DIR: folder })
      if (existsSync(database)) {
        expect(namesIn(database)).toEqual(['sara@example.com', ...(isBefore(step) ? ['omid@example.com'] : [])])
      } else expect((await start.type('keys list')).err, step).toContain('Restore it from the backup')
      expect((await start.type(`restore --replace ${file}`)).code).toBe(0)
      expect(namesIn(database)).toEqual(['sara@example.com'])
      expect(readdirSync(folder)).not.toContain('restoring')
      // What was there before is kept whole, whichever run moved it.
      const aside = readdirSync(folder).filter((name) => name.startsWith('before-restore-'))
      expect(
        aside.flatMap((name) =>
          existsSync(join(folder, name, 'latchkey.db')) ? namesIn(join(folder, name, 'latchkey.db')) : [],
        ),
      ).toContain('omid@example.com')
    }
  },
)

const isBefore = (step: string): boolean =>
  STEPS.indexOf(step) !== -1 && STEPS.indexOf(step) <= STEPS.indexOf('latchkey.db moved')

it('a backup killed at any moment leaves nothing of its name', { timeout: 60_000 }, async () => {
  const world = await startedWorld()
  await world.inside(async ({ db }) => {
    for (let number = 0; number < 500; number++) await insertUser(db, `user${number}`, { firstName: 'x'.repeat(4000) })
  })
  const file = join(temporaryFolder(), 'backup.tar')
  const running = startProcess(['cli.ts', 'backup', '--to', file], { settings: { DATA_DIR: world.dataDir } })
  const folder = join(file, '..')
  while (readdirSync(folder).length === 0) await new Promise((done) => setImmediate(done))
  running.child.kill('SIGKILL')
  await running.ended()
  expect(readdirSync(folder).filter((name) => !name.startsWith('.latchkey-backup-'))).toEqual([])
  expect((await world.type(`backup --to ${file}`)).code).toBe(0)
})
