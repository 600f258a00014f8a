import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { onTestFinished } from 'vitest'
import { UNLIMITED } from './unlimited.ts'
import { createWorld, type World } from './world.ts'

/**
 * A world on a file that another process has open too. `strike` says what that one does, in SQL, in the very moment between
 * what the next request has read and what it is about to write: where a guard belongs that asks and takes in one statement.
 */
export async function createSharedWorld(
  settings: Readonly<Record<string, string>> = {},
): Promise<{ world: World; strike: (sql: string) => void }> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  let waiting: string | undefined
  const act = (): void => {
    const sql = waiting
    waiting = undefined
    if (sql !== undefined) other.exec(sql)
  }
  const world = await createWorld({
    settings: { ...UNLIMITED, ...settings, DATA_DIR: folder },
    compose: { inMemory: false, beforeStatement: (sql) => sql.startsWith('begin') && act() },
  })
  const other = new DatabaseSync(join(folder, 'latchkey.db'))
  onTestFinished(() => other.close())
  return {
    world,
    strike: (sql) => {
      waiting = sql
    },
  }
}
