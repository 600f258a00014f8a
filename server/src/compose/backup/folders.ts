import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { before, days } from '../../kernel/duration.ts'

// Nothing here takes that long; what is as old was broken off.
const ABANDONED_AFTER = days(1)

/** Removes what runs broken off long ago have left, by the beginning of its name. */
export async function removeAbandoned(folder: string, prefix: string, now: Date): Promise<void> {
  for (const name of (await readdir(folder)).filter((each) => each.startsWith(prefix))) {
    const path = join(folder, name)
    if ((await stat(path)).mtime < before(now, ABANDONED_AFTER)) await rm(path, { recursive: true })
  }
}

/** A moment as a part of names: `20261122T203000Z`. */
export const stampOf = (moment: Date): string => moment.toISOString().replace(/[-:]|\.\d+/g, '')
