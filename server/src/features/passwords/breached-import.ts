import { createHash, type Hash } from 'node:crypto'
import { closeSync, createWriteStream, fsyncSync, openSync, writeSync } from 'node:fs'
import { open, readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Random } from '../../kernel/random.ts'
import { headerOf, HEADER_BYTES, PAGE_BYTES, pageOf, rankOf, setBits, type Shape, shapeFor } from './breached-format.ts'
import { type List, ListUnfit, listBytes, type ListRules, readList } from './breached-lists.ts'

/** How far an import is: `done` of `total` bytes of the lists read, the first time to count or a later one to build. */
export interface ImportProgress {
  readonly stage: 'counting' | 'building'
  readonly done: number
  readonly total: number
}

export interface ImportOptions extends ListRules {
  readonly random: Random
  readonly onProgress?: (progress: ImportProgress) => void
  /** How much of the filter is in memory at once, in pages of 8 KiB. For tests. */
  readonly windowPages?: number
}

// 512 MiB: room for 178 million entries at once. A longer list is read once more for each such part of the filter, unless it
// is sorted by hash.
const WINDOW_PAGES = 65_536

/** The path of a file, or what can be read but once. */
export type Source = string | AsyncIterable<Uint8Array>

/**
 * Puts the passwords of these lists in place of those in the file, all or nothing: until the last moment the old ones stay.
 * Every list is read at least twice; what is no file is kept beside the old ones meanwhile. Readable by its owner alone.
 * Keeps the process from all else. Rejects with ListUnfit.
 */
export async function importBreached(path: string, sources: readonly Source[], options: ImportOptions): Promise<Shape> {
  await removeDrafts(path)
  const drafts: string[] = []
  const newDraft = () => {
    drafts.push(`${path}.${Buffer.from(options.random.bytes(6)).toString('hex')}.tmp`)
    return drafts.at(-1)!
  }
  try {
    const lists = await listsOf(sources, newDraft)
    const total = lists.reduce((sum, list) => sum + listBytes(list), 0)
    const { entries, isSorted } = count(lists, total, options)
    const shape = shapeFor(entries)
    const draft = newDraft()
    build(draft, lists, { ...options, shape, total, isSorted })
    await rename(draft, path)
    await syncFolder(dirname(path))
    return shape
  } finally {
    for (const draft of drafts) await rm(draft, { force: true })
  }
}

async function listsOf(sources: readonly Source[], newDraft: () => string): Promise<List[]> {
  const lists: List[] = []
  for (const source of sources) {
    if (typeof source === 'string') lists.push({ name: basename(source), path: source })
    else lists.push({ name: 'standard input', path: await keep(source, newDraft()) })
  }
  return lists
}

/** Writes down what can be read but once; gives back where. */
async function keep(source: AsyncIterable<Uint8Array>, path: string): Promise<string> {
  await pipeline(source, createWriteStream(path, { flags: 'wx', mode: 0o600 }))
  return path
}

/** What a broken-off import has left. One that still runs then fails at its end: the later one wins. */
async function removeDrafts(path: string): Promise<void> {
  const isDraft = (name: string) => name.startsWith(`${basename(path)}.`) && name.endsWith('.tmp')
  for (const name of (await readdir(dirname(path))).filter(isDraft)) await rm(join(dirname(path), name))
}

interface Counted {
  readonly entries: number
  /** Each hash no lower than the one before. */
  readonly isSorted: boolean
}

function count(lists: readonly List[], total: number, options: ImportOptions): Counted {
  const onBytes = teller('counting', total, options)
  let [entries, last, isSorted] = [0, 0, true]
  for (const list of lists) {
    readList(
      list,
      options,
      (sha1) => {
        const rank = rankOf(sha1)
        isSorted &&= rank >= last
        last = rank
        entries += 1
      },
      onBytes,
    )
  }
  return { entries, isSorted }
}

function teller(stage: ImportProgress['stage'], total: number, { onProgress }: ImportOptions): (bytes: number) => void {
  let done = 0
  return (bytes) => {
    done += bytes
    onProgress?.({ stage, done, total })
  }
}

interface Plan extends ImportOptions {
  readonly shape: Shape
  readonly total: number
  readonly isSorted: boolean
}

function build(draft: string, lists: readonly List[], plan: Plan): void {
  const { shape, total, isSorted, windowPages = WINDOW_PAGES } = plan
  const fd = openSync(draft, 'wx', 0o600)
  try {
    const header = headerOf(shape)
    const checksum = createHash('sha256').update(header)
    const window = createWindow(fd, shape, windowPages, checksum)
    const onBytes = teller('building', isSorted ? total : total * Math.ceil(shape.pages / windowPages), plan)
    if (isSorted) readAgain(lists, plan, window.follow, onBytes)
    while (!window.isDone()) {
      if (!isSorted) readAgain(lists, plan, window.put, onBytes)
      window.write()
    }
    writeAll(fd, Buffer.concat([header, checksum.digest()]), 0)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

function readAgain(
  lists: readonly List[],
  plan: Plan,
  take: (sha1: Buffer) => void,
  onBytes: (bytes: number) => void,
): void {
  let entries = 0
  for (const list of lists) {
    const onHash = (sha1: Buffer) => {
      entries += 1
      take(sha1)
    }
    readList(list, plan, onHash, onBytes)
  }
  if (entries !== plan.shape.entries)
    throw new ListUnfit('The lists changed while they were read, so some of it would be missing. Nothing was changed.')
}

/** The part of the filter that is in memory, which moves from the first page to the last. */
function createWindow(fd: number, { pages }: Shape, windowPages: number, checksum: Hash) {
  const bytes = Buffer.alloc(Math.min(windowPages, pages) * PAGE_BYTES)
  let first = 0

  /** Sets a hash that is in the window; any other is left for another time. */
  function put(sha1: Buffer): void {
    const page = pageOf(rankOf(sha1), { pages }) - first
    if (page >= 0 && page < windowPages) setBits(bytes, page * PAGE_BYTES, sha1)
  }

  /** Writes the window down and moves on. */
  function write(): void {
    const filled = bytes.subarray(0, (pages - first) * PAGE_BYTES)
    checksum.update(filled)
    writeAll(fd, filled, HEADER_BYTES + first * PAGE_BYTES)
    bytes.fill(0)
    first += windowPages
  }

  return {
    put,
    write,
    /** Sets a hash, wherever it is beyond the window's beginning: what lies before it is written down. */
    follow(sha1: Buffer): void {
      while (pageOf(rankOf(sha1), { pages }) >= first + windowPages) write()
      put(sha1)
    },
    isDone: () => first >= pages,
  }
}

/** A write may take less than it is given. */
function writeAll(fd: number, bytes: Buffer, position: number): void {
  for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done, bytes.length - done, position + done)
}

/** Makes the rename itself survive a power cut. Windows has no such call and needs none. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return
  await using folder = await open(path, 'r')
  await folder.sync()
}
