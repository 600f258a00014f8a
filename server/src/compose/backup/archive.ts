import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { BackupUnfit } from './unfit.ts'

// POSIX ustar (IEEE Std 1003.1, pax, "ustar Interchange Format"), so that any tar can open a backup where we are not at hand.
const BLOCK = 512
const CHUNK = 1024 * 1024

/** What one file of an archive is: checked when it is taken out again. */
export interface Content {
  readonly bytes: number
  /** In hexadecimal. */
  readonly sha256: string
}

/** Where a file lies in an archive. */
export interface Part {
  readonly offset: number
  readonly bytes: number
}

export interface ArchiveWriter {
  addText(name: string, text: string): Promise<Content>
  /** Copies the file, whose size must not change meanwhile; `onBytes` is told of every piece. */
  addFile(name: string, path: string, onBytes: (bytes: number) => void): Promise<Content>
}

/** Writes a new archive, readable by its owner alone, and resolves once it is on the disk. Rejects where a file is. */
export async function writeArchive(
  path: string,
  now: Date,
  write: (to: ArchiveWriter) => Promise<void>,
): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await write({
      async addText(name, text) {
        const content = Buffer.from(text)
        await file.write(Buffer.concat([headerOf(name, content.length, now), content, padding(content.length)]))
        return { bytes: content.length, sha256: createHash('sha256').update(content).digest('hex') }
      },
      addFile: (name, source, onBytes) => addFile(file, { name, source, now, onBytes }),
    })
    await file.write(Buffer.alloc(2 * BLOCK))
    await file.sync()
  } finally {
    await file.close()
  }
}

interface Addition {
  readonly name: string
  readonly source: string
  readonly now: Date
  readonly onBytes: (bytes: number) => void
}

async function addFile(to: FileHandle, { name, source, now, onBytes }: Addition): Promise<Content> {
  const from = await open(source)
  try {
    const { size } = await from.stat()
    await to.write(headerOf(name, size, now))
    const sha256 = await copy(from, { offset: 0, bytes: size }, to, onBytes)
    await to.write(padding(size))
    return { bytes: size, sha256 }
  } finally {
    await from.close()
  }
}

/** Copies a stretch of one file to where another is written; gives back its SHA-256. Throws BackupUnfit when it ends early. */
async function copy(
  from: FileHandle,
  { offset, bytes }: Part,
  to: FileHandle,
  onBytes: (bytes: number) => void,
): Promise<string> {
  const hash = createHash('sha256')
  const buffer = Buffer.alloc(CHUNK)
  for (let done = 0; done < bytes;) {
    const { bytesRead } = await from.read(buffer, 0, Math.min(CHUNK, bytes - done), offset + done)
    if (bytesRead === 0) throw new BackupUnfit('its end is missing')
    const piece = buffer.subarray(0, bytesRead)
    hash.update(piece)
    await to.write(piece)
    done += bytesRead
    onBytes(bytesRead)
  }
  return hash.digest('hex')
}

/** Takes a part out into a new file, readable by its owner alone and on the disk when this resolves. */
export async function extract(
  archive: FileHandle,
  part: Part,
  path: string,
  onBytes: (bytes: number) => void,
): Promise<Content> {
  const file = await open(path, 'wx', 0o600)
  try {
    const sha256 = await copy(archive, part, file, onBytes)
    await file.sync()
    return { bytes: part.bytes, sha256 }
  } finally {
    await file.close()
  }
}

// What is read whole is a text of ours; nobody's mistake of a file is to fill the memory.
const LARGEST_TEXT = 1024 * 1024

export async function readText(archive: FileHandle, part: Part): Promise<string> {
  if (part.bytes > LARGEST_TEXT) throw new BackupUnfit('it holds what no backup holds')
  const { bytesRead, buffer } = await archive.read(Buffer.alloc(part.bytes), 0, part.bytes, part.offset)
  if (bytesRead < part.bytes) throw new BackupUnfit('its end is missing')
  return buffer.toString()
}

// A backup has four; a file of another kind is not to be read to its end.
const MOST_PARTS = 16

/** What lies in an archive, by name. Throws BackupUnfit for what is none, or not whole. */
export async function partsOf(archive: FileHandle): Promise<ReadonlyMap<string, Part>> {
  const { size } = await archive.stat()
  const parts = new Map<string, Part>()
  for (let offset = 0; parts.size < MOST_PARTS;) {
    const { bytesRead, buffer } = await archive.read(Buffer.alloc(BLOCK), 0, BLOCK, offset)
    if (bytesRead === BLOCK && buffer.every((byte) => byte === 0)) return parts
    if (bytesRead < BLOCK) throw new BackupUnfit(offset === 0 ? 'it is no backup of Latchkey' : 'its end is missing')
    const { name, bytes } = readHeader(buffer)
    if (parts.has(name)) throw new BackupUnfit('it holds two of one name, as no backup does')
    parts.set(name, { offset: offset + BLOCK, bytes })
    offset += BLOCK + bytes + padding(bytes).length
    if (offset > size) throw new BackupUnfit('its end is missing')
  }
  throw new BackupUnfit('it is no backup of Latchkey')
}

const padding = (bytes: number): Buffer => Buffer.alloc((BLOCK - (bytes % BLOCK)) % BLOCK)

const CHECKSUM = { at: 148, length: 8 }
const SIZE = { at: 124, length: 12 }
const LARGEST_OCTAL = 0o77777777777

function headerOf(name: string, bytes: number, now: Date): Buffer {
  const header = Buffer.alloc(BLOCK)
  header.write(name, 0)
  header.write(`${octal(0o600, 7)}\0`, 100)
  header.write(`${octal(0, 7)}\0`.repeat(2), 108)
  if (bytes <= LARGEST_OCTAL) header.write(`${octal(bytes, 11)}\0`, SIZE.at)
  else {
    // From 8 GiB on, as GNU tar writes it and every tar of today reads it: the first bit set, then a binary number.
    header[SIZE.at] = 0x80
    header.writeBigUInt64BE(BigInt(bytes), SIZE.at + 4)
  }
  header.write(`${octal(Math.floor(now.getTime() / 1000), 11)}\0`, 136)
  header.write('0', 156) // an ordinary file
  header.write(`ustar\0${'00'}`, 257)
  header.write(`${octal(checksumOf(header), 6)}\0 `, CHECKSUM.at)
  return header
}

const octalOf = (text: string): number => (/^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : NaN)

const octal = (number: number, digits: number): string => number.toString(8).padStart(digits, '0')

/** The sum of all bytes, those of the sum itself taken as spaces. */
function checksumOf(header: Buffer): number {
  const blank = Buffer.from(header).fill(0x20, CHECKSUM.at, CHECKSUM.at + CHECKSUM.length)
  return blank.reduce((sum, byte) => sum + byte, 0)
}

function readHeader(header: Buffer): { readonly name: string; readonly bytes: number } {
  const text = (at: number, length: number) => header.toString('latin1', at, at + length).replace(/[\0 ].*$/s, '')
  if (text(257, 5) !== 'ustar' || Number.parseInt(text(CHECKSUM.at, CHECKSUM.length), 8) !== checksumOf(header))
    throw new BackupUnfit('it is no backup of Latchkey, or a damaged one')
  const bytes =
    header[SIZE.at] === 0x80 ? Number(header.readBigUInt64BE(SIZE.at + 4)) : octalOf(text(SIZE.at, SIZE.length))
  // One below nothing would lead back to where the next header was looked for, for ever.
  if (!Number.isSafeInteger(bytes)) throw new BackupUnfit('it is no backup of Latchkey, or a damaged one')
  return { name: text(0, 100), bytes }
}
