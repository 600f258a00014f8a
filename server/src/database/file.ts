import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout } from 'node:timers/promises'
import { sqlitePrimaryCode } from './errors.ts'
import { DatabaseUnfit } from './unfit.ts'

const OWNER_ONLY_FOLDER = 0o700
const OWNER_ONLY_FILE = 0o600

// A check reads the whole file, about a second for each gigabyte that is in the page cache and several for one that is
// not; with this limit it costs a start less than a tenth of a second. Above it, `doctor` is the one to look.
const CHECKED_AT_START_BYTES = 64 * 1024 * 1024

const COPIES_KEPT = 3

/**
 * Makes the file, readable by its owner alone, or refuses one that cannot be used. True: it was made just now.
 *
 * @throws {DatabaseUnfit}
 */
export async function ensureFile(path: string): Promise<boolean> {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: OWNER_ONLY_FOLDER })
    closeSync(openSync(path, 'wx', OWNER_ONLY_FILE))
    return true
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw unfitOr(error, path)
  }
  if (!statSync(path).isFile()) throw new DatabaseUnfit('not_a_file', path)
  await refuseEmpty(path)
  try {
    accessSync(path, constants.R_OK | constants.W_OK)
    accessSync(dirname(path), constants.W_OK)
  } catch (error) {
    throw unfitOr(error, path)
  }
  return false
}

/** An empty file may be one that another process is making at this moment; for that, a moment must be enough. */
async function refuseEmpty(path: string): Promise<void> {
  for (let tries = 0; statSync(path).size === 0; tries++) {
    if (tries === 100) throw new DatabaseUnfit('empty', path)
    await setTimeout(10)
  }
}

/**
 * Looks through the whole database when it is small, otherwise only at whether all of the file is there.
 *
 * @throws {DatabaseUnfit} naming the first fault.
 */
export function refuseDamaged(sqlite: DatabaseSync, path: string): void {
  const { size } = statSync(path)
  const fault = size <= CHECKED_AT_START_BYTES ? findDamage(sqlite) : undefined
  if (fault !== undefined) throw new DatabaseUnfit('damaged', path, fault)
}

/** The first fault in the pages of this database, or undefined. Takes seconds for each gigabyte. */
export function findDamage(sqlite: DatabaseSync): string | undefined {
  const verdict = sqlite.prepare('pragma quick_check(1)').get()?.['quick_check']
  return verdict === 'ok' ? undefined : String(verdict)
}

/**
 * Writes what this database holds to `<path>.before-<migration>`, whole or not at all, and drops the oldest copies.
 * Reads through a connection of its own, so that it can run while the caller holds the write lock.
 */
export function copyAside(path: string, migration: string): string {
  const copy = `${path}.before-${migration}`
  const unfinished = `${copy}.unfinished`
  rmSync(unfinished, { force: true })
  closeSync(openSync(unfinished, 'wx', OWNER_ONLY_FILE))
  const reader = new DatabaseSync(path, { readOnly: true })
  try {
    reader.prepare('vacuum into ?').run(unfinished)
  } finally {
    reader.close()
  }
  chmodSync(unfinished, OWNER_ONLY_FILE)
  flush(unfinished)
  renameSync(unfinished, copy)
  dropOldCopies(path)
  return copy
}

function flush(path: string): void {
  const descriptor = openSync(path, 'r')
  fsyncSync(descriptor)
  closeSync(descriptor)
}

/** Migrations are numbered, so the order of the names is the order in time. */
function dropOldCopies(path: string): void {
  const folder = dirname(path)
  const copies = readdirSync(folder).filter((name) => name.startsWith(`${basename(path)}.before-`))
  for (const name of copies.toSorted().slice(0, -COPIES_KEPT)) rmSync(join(folder, name))
}

const UNFIT_BY_ERRNO = {
  EACCES: 'no_permission',
  EPERM: 'no_permission',
  EROFS: 'no_permission',
  ENOTDIR: 'not_a_file',
} as const
const UNFIT_BY_SQLITE = { 8: 'no_permission', 11: 'damaged', 14: 'no_permission', 26: 'not_a_database' } as const

/** The refusal this error stands for, or the error itself when it is none. */
export function unfitOr(error: unknown, path: string): unknown {
  if (!(error instanceof Error)) return error
  const sqliteCode = sqlitePrimaryCode(error)
  if (sqliteCode !== undefined && sqliteCode in UNFIT_BY_SQLITE) {
    return new DatabaseUnfit(UNFIT_BY_SQLITE[sqliteCode as keyof typeof UNFIT_BY_SQLITE], path, error.message)
  }
  for (const [code, reason] of Object.entries(UNFIT_BY_ERRNO)) {
    if (isErrno(error, code)) return new DatabaseUnfit(reason, path, error.message)
  }
  return error
}

const isErrno = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code
