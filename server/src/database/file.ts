import {
  accessSync,
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
import { asError, sqlitePrimaryCode } from './errors.ts'
import { DatabaseUnfit, type Unfitness } from './unfit.ts'

const OWNER_ONLY_FOLDER = 0o700
const OWNER_ONLY_FILE = 0o600

// To look through a file is to read all of it: measured, 0.6 s a gigabyte from the page cache and 14 s from a slow disk.
// With this limit a start loses at most half a second. SQLite notices by itself, at the first read, when the end of a
// larger file is missing; any other fault in one shows when its page is read.
const CHECKED_AT_START_BYTES = 32 * 1024 * 1024

const COPIES_KEPT = 3
const UNFINISHED = '.unfinished'

/**
 * Makes the file, readable by its owner alone, or refuses one that cannot be used. True: it was made just now.
 *
 * @throws {DatabaseUnfit}
 */
export async function ensureFile(path: string): Promise<boolean> {
  mkdirSync(dirname(path), { recursive: true, mode: OWNER_ONLY_FOLDER })
  if (createOnly(path)) return true
  if (!statSync(path).isFile()) throw new DatabaseUnfit('not_a_file', path)
  await refuseEmpty(path)
  // SQLite would open what it may not write all the same, and fail at the first insert.
  accessSync(path, constants.R_OK | constants.W_OK)
  accessSync(dirname(path), constants.W_OK)
  return false
}

/** False when something is there already; only one of two processes makes it. */
function createOnly(path: string): boolean {
  try {
    closeSync(openSync(path, 'wx', OWNER_ONLY_FILE))
    return true
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false
    throw error
  }
}

/** An empty file may be one that another process is making at this moment; for that, a moment must be enough. */
async function refuseEmpty(path: string): Promise<void> {
  for (let tries = 0; statSync(path).size === 0; tries++) {
    if (tries === 100) throw new DatabaseUnfit('empty', path)
    await setTimeout(10)
  }
}

/**
 * Looks through every page of a database that is not too large for that.
 *
 * @throws {DatabaseUnfit} naming the first fault.
 */
export function refuseDamaged(sqlite: DatabaseSync, path: string): void {
  if (statSync(path).size > CHECKED_AT_START_BYTES) return
  const verdict = sqlite.prepare('pragma quick_check(1)').get()?.['quick_check']
  if (verdict !== 'ok') throw new DatabaseUnfit('damaged', path, String(verdict))
}

/**
 * Writes what this database holds to `<path>.before-<migration>`, whole or not at all, and drops the oldest copies.
 * Reads through a connection of its own, so that it can run while the caller holds the write lock.
 */
export function copyAside(path: string, migration: string): string {
  const copy = `${path}.before-${migration}`
  const unfinished = `${copy}${UNFINISHED}`
  rmSync(unfinished, { force: true })
  try {
    closeSync(openSync(unfinished, 'wx', OWNER_ONLY_FILE))
    writeCopy(path, unfinished)
    renameSync(unfinished, copy)
  } finally {
    rmSync(unfinished, { force: true })
  }
  dropOldCopies(path)
  return copy
}

function writeCopy(path: string, copy: string): void {
  const reader = new DatabaseSync(path, { readOnly: true })
  try {
    reader.prepare('vacuum into ?').run(copy)
  } finally {
    reader.close()
  }
  const descriptor = openSync(copy, 'r+')
  fsyncSync(descriptor)
  closeSync(descriptor)
}

/** Migrations are numbered, so the order of the names is the order in time. What is unfinished, a crash has left. */
function dropOldCopies(path: string): void {
  const names = readdirSync(dirname(path)).filter((name) => name.startsWith(`${basename(path)}.before-`))
  const whole = names.filter((name) => !name.endsWith(UNFINISHED)).toSorted()
  const kept = new Set(whole.slice(-COPIES_KEPT))
  for (const name of names) if (!kept.has(name)) rmSync(join(dirname(path), name))
}

const UNFIT_BY_ERRNO: ReadonlyMap<unknown, Unfitness> = new Map([
  ['EACCES', 'no_permission'],
  ['EPERM', 'no_permission'],
  ['EROFS', 'no_permission'],
  ['EEXIST', 'not_a_file'], // from mkdir: a file where the folder should be
  ['ENOTDIR', 'not_a_file'],
])

// https://sqlite.org/rescode.html
const UNFIT_BY_SQLITE: ReadonlyMap<unknown, Unfitness> = new Map([
  [8, 'no_permission'], // READONLY
  [11, 'damaged'], // CORRUPT
  [14, 'no_permission'], // CANTOPEN
  [26, 'not_a_database'], // NOTADB
])

/** The refusal this error stands for, or the error itself when it is none. */
export function unfitOr(error: unknown, path: string): Error {
  const failure = asError(error)
  const reason =
    UNFIT_BY_SQLITE.get(sqlitePrimaryCode(failure)) ??
    ('code' in failure ? UNFIT_BY_ERRNO.get(failure.code) : undefined)
  return reason === undefined ? failure : new DatabaseUnfit(reason, path, failure.message)
}

const isErrno = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code
