import { setImmediate } from 'node:timers/promises'
import type { DeleteResult } from 'kysely'

/** SQLite's one writer, and everybody's event loop, is held for all of a batch: among ten million sessions about two milliseconds, and the disk's one. */
const BATCH = 100

/** Deletes whatever there is in batches, each a statement of its own, with requests in between. */
export async function bitByBit(removeSome: (limit: number) => Promise<DeleteResult>): Promise<void> {
  while (Number((await removeSome(BATCH)).numDeletedRows) >= BATCH) await setImmediate()
}
