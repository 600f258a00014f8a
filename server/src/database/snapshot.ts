import { closeSync, openSync } from 'node:fs'
import { backup, DatabaseSync } from 'node:sqlite'
import { isBusy } from './errors.ts'
import { unfitOr } from './file.ts'
import type { Database } from './schema.ts'
import { DatabaseUnfit } from './unfit.ts'

const PATIENCE = { timeout: 5000 } // in a process of its own, where nothing else waits
const PAGES_AT_ONCE = 1000

const NOTE = 'last_backup_at'

/** How far a copy is, in pages. */
export type OnPages = (done: number, total: number) => void

/**
 * Writes what the database holds at this moment to a new file, readable by its owner alone, while others go on writing: they
 * wait for nothing. The copy is one whole file without a log beside it, and looked through.
 *
 * @throws {DatabaseUnfit} when the database cannot be used, or is damaged.
 */
export async function copySnapshot(path: string, copy: string, onPages: OnPages): Promise<void> {
  closeSync(openSync(copy, 'wx', 0o600))
  try {
    await copyPages(path, copy, onPages)
    refuseUnsound(copy, path, 'quick_check')
  } catch (error) {
    throw unfitOr(error, path)
  }
}

async function copyPages(path: string, copy: string, onPages: OnPages): Promise<void> {
  const source = new DatabaseSync(path, PATIENCE)
  try {
    // SQLite begins a backup anew whenever another process wrote meanwhile, on a busy server for ever; not so of what one
    // reading transaction sees (https://sqlite.org/c3ref/backup_finish.html).
    source.exec('pragma query_only = on; begin; select count(*) from sqlite_schema')
    const progress = ({ totalPages, remainingPages }: { totalPages: number; remainingPages: number }) =>
      onPages(totalPages - remainingPages, totalPages)
    await backup(source, copy, { rate: PAGES_AT_ONCE, progress })
  } finally {
    source.close()
  }
}

/**
 * Looks through all of a file nobody else has open, and leaves it without a log beside it.
 *
 * @throws {DatabaseUnfit} naming the first fault.
 */
export function refuseUnsound(file: string, where: string, check: 'quick_check' | 'integrity_check'): void {
  const sqlite = new DatabaseSync(file)
  try {
    sqlite.exec('pragma journal_mode = delete')
    const verdict = sqlite.prepare(`pragma ${check}(1)`).get()?.[check]
    if (verdict !== 'ok') throw new DatabaseUnfit('damaged', where, String(verdict))
    const stray = check === 'integrity_check' ? sqlite.prepare('pragma foreign_key_check').get() : undefined
    if (stray) throw new DatabaseUnfit('damaged', where, `a row of ${String(stray['table'])} refers to none`)
  } finally {
    sqlite.close()
  }
}

/** Notes in the database when it was last backed up. False when others kept it locked for five seconds. */
export function noteBackup(path: string, now: Date): boolean {
  const sqlite = new DatabaseSync(path, PATIENCE)
  try {
    sqlite
      .prepare('insert into meta (key, value) values (?, ?) on conflict (key) do update set value = excluded.value')
      .run(NOTE, now.toISOString())
    return true
  } catch (error) {
    if (isBusy(error)) return false
    throw error
  } finally {
    sqlite.close()
  }
}

/** When the database was last backed up by us; undefined while it never was. */
export async function lastBackup(db: Database): Promise<Date | undefined> {
  const note = await db.selectFrom('meta').select('value').where('key', '=', NOTE).executeTakeFirst()
  return note && new Date(note.value)
}
