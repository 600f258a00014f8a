import { open } from 'node:fs/promises'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'

const RETRY_MILLISECONDS = 20
// 10 seconds of waiting: far longer than making the slowest key takes.
const MAX_TRIES = 500
const SQLITE_BUSY = 5

/**
 * Runs the work while no other holder of the same path, in this process or another, runs its own. The lock is SQLite's
 * on an empty database: the system lets go of it when a process dies, so that a crash leaves nothing to clean up, which a
 * lock file of our own would. Rejects when it is not to be had within ten seconds.
 */
export async function withFileLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  await (await open(path, 'a', 0o600)).close()
  const lock = new DatabaseSync(path)
  try {
    await acquire(lock, path)
    return await work()
  } finally {
    lock.close()
  }
}

async function acquire(lock: DatabaseSync, path: string): Promise<void> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    if (tryToAcquire(lock)) return
    await sleep(RETRY_MILLISECONDS)
  }
  throw new Error(`${path} has been locked by another process for too long`)
}

function tryToAcquire(lock: DatabaseSync): boolean {
  try {
    lock.exec('begin exclusive')
    return true
  } catch (error) {
    if (error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY) return false
    throw error
  }
}
