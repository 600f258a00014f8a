import { open, readFile, rename, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { withFileLock } from './file-lock.ts'

/** Where the sealed signing keys lie: one text, changed as a whole. */
export interface KeyStorage {
  /** What to call the place in a message to the operator. */
  readonly place: string
  /** The text, or undefined when there was never one. */
  read(): Promise<string | undefined>
  /** Differs after every change; cheap enough to be asked each second. */
  revision(): Promise<string>
  /**
   * Stores what `change` makes of the present text, while nobody else changes it, and resolves to it. All or nothing: after
   * a crash the text is the old one or the new one. Giving back the present text stores nothing; throwing leaves it.
   */
  update(change: (text: string | undefined) => Promise<string>): Promise<string>
}

/** Keeps the keys in one file, readable by its owner alone. The folder must exist. */
export function fileKeyStorage(path: string): KeyStorage {
  const read = () => ifThere(readFile(path, 'utf8'))
  return {
    place: path,
    read,
    async revision() {
      const file = await ifThere(stat(path, { bigint: true }))
      return file ? `${file.ino}-${file.mtimeNs}-${file.size}` : 'none'
    },
    update: (change) =>
      withFileLock(`${path}.lock`, async () => {
        const text = await read()
        const changed = await change(text)
        if (changed !== text) await replaceFile(path, changed)
        return changed
      }),
  }
}

/** Keeps the keys for the life of the process: for tests, and for servers that forget everything at their end. */
export function memoryKeyStorage(): KeyStorage {
  let text: string | undefined
  let revision = 0
  let last: Promise<unknown> = Promise.resolve()
  return {
    place: 'memory',
    read: async () => text,
    revision: async () => String(revision),
    update(change) {
      const mine = last.then(async () => {
        const changed = await change(text)
        if (changed !== text) revision++
        text = changed
        return changed
      })
      last = mine.catch(() => undefined)
      return mine
    },
  }
}

async function replaceFile(path: string, text: string): Promise<void> {
  const draft = `${path}.tmp`
  await writeDurably(draft, text)
  await rename(draft, path)
  await syncFolder(dirname(path))
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'w', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Makes a rename in it survive a power cut. Windows has no such call and needs none. */
export async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

async function ifThere<T>(wanted: Promise<T>): Promise<T | undefined> {
  try {
    return await wanted
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}
