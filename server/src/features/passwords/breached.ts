import { createHash } from 'node:crypto'
import { readSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import {
  CHECKSUM_AT,
  fileBytes,
  hasBits,
  HEADER_BYTES,
  PAGE_BYTES,
  pageOf,
  parseHeader,
  rankOf,
  sha1,
  type Shape,
} from './breached-format.ts'

/** The passwords that `latchkey passwords import` was given. */
export interface BreachedPasswords {
  readonly entries: number
  readonly bytes: number
  readonly changedAt: Date
  /**
   * Whether a password is among them, as typed or composed in another way (NFC, NFD). Never false for one that is; true for
   * fewer than 1 in 10 000 others. Reads 8 KiB of the file, and keeps nothing in memory. Throws when the disk fails.
   */
  has(password: string): boolean
  close(): Promise<void>
}

/** What lies where the breached passwords should is damaged, or none of ours. */
export class BreachedUnfit extends Error {
  override readonly name = 'BreachedUnfit'

  constructor(path: string, why: string) {
    super(
      `The list of breached passwords ${path} ${why}. Import it again with \`latchkey passwords import\`, or remove the ` +
        'file to do without.',
    )
  }
}

const WHAT_IS_WRONG = {
  'no filter': 'is damaged: it does not begin as one',
  'another version': 'was made by another version of Latchkey, in another format',
} as const

/**
 * The breached passwords in a file, every byte of it read once and found to be as it was written (about a second a GB);
 * undefined when there is no file. One put in its place later is seen at the next start. Throws BreachedUnfit.
 */
export async function openBreached(path: string): Promise<BreachedPasswords | undefined> {
  const file = await openIfThere(path)
  if (!file) return undefined
  try {
    return await readerOf(file, path)
  } catch (error) {
    await file.close()
    throw error
  }
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r')
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return undefined
    throw error
  }
}

async function readerOf(file: FileHandle, path: string): Promise<BreachedPasswords> {
  const { size, mtime } = await file.stat()
  const { buffer: header, bytesRead } = await file.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0)
  const shape = parseHeader(header.subarray(0, bytesRead))
  if (typeof shape === 'string') throw new BreachedUnfit(path, WHAT_IS_WRONG[shape])
  if (size !== fileBytes(shape))
    throw new BreachedUnfit(path, `is damaged: it has ${size} bytes and should have ${fileBytes(shape)}`)
  if (!(await checksumOf(file, header)).equals(header.subarray(CHECKSUM_AT)))
    throw new BreachedUnfit(path, 'is damaged: it is not what was written (its checksum differs)')
  return {
    entries: shape.entries,
    bytes: size,
    changedAt: mtime,
    has: (password) => spellings(password).some((spelling) => isIn(file, shape, sha1(spelling))),
    close: () => file.close(),
  }
}

const CHUNK_BYTES = 1024 * 1024

async function checksumOf(file: FileHandle, header: Buffer): Promise<Buffer> {
  const checksum = createHash('sha256').update(header.subarray(0, CHECKSUM_AT))
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
  for (let at = HEADER_BYTES; ;) {
    const { bytesRead } = await file.read(chunk, 0, CHUNK_BYTES, at)
    if (bytesRead === 0) return checksum.digest()
    checksum.update(chunk.subarray(0, bytesRead))
    at += bytesRead
  }
}

/** Lists have passwords as somebody typed them, composed in either way. */
const spellings = (password: string): string[] => [
  ...new Set([password, password.normalize('NFC'), password.normalize('NFD')]),
]

function isIn({ fd }: FileHandle, shape: Shape, hash: Buffer): boolean {
  const page = Buffer.allocUnsafe(PAGE_BYTES)
  // Waiting for it, since a policy is judged at once: the page lies in the system's cache since the start, or one read away.
  const read = readSync(fd, page, 0, PAGE_BYTES, HEADER_BYTES + pageOf(rankOf(hash), shape) * PAGE_BYTES)
  if (read !== PAGE_BYTES) throw new Error('the list of breached passwords was cut short while it was in use')
  return hasBits(page, hash)
}
