import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { sha1 } from './breached-format.ts'

/** What a list is that cannot be taken for passwords. */
export class ListUnfit extends Error {
  override readonly name = 'ListUnfit'
}

export interface List {
  /** What to call it in a message to the operator. */
  readonly name: string
  readonly path: string
}

export interface ListRules {
  /** Every line is a password itself, even one that looks like a hash. */
  readonly wordsOnly: boolean
}

const CHUNK_BYTES = 1024 * 1024
const [LINE_FEED, RETURN, COLON, ZERO, NINE] = [10, 13, 58, 48, 57]
const BYTE_ORDER_MARK = Buffer.from('\ufeff')
const NOTHING = Buffer.alloc(0)

/**
 * Tells the SHA-1 of every password in a list, in its order, and after each piece how many bytes were read. The buffer told is
 * good until the next. A line is `HASH`, `HASH:COUNT` (40 hexadecimal digits in either case) or, else, a password itself in
 * UTF-8. Blank lines and lines of a MiB are no passwords. One MiB of memory. Throws ListUnfit for what is no such list.
 */
export function readList(
  { name, path }: List,
  rules: ListRules,
  onHash: (sha1: Buffer) => void,
  onBytes: (bytes: number) => void = () => {},
): void {
  const fd = openSync(path, 'r')
  try {
    eachLine(fd, lineTaker(name, rules, onHash), onBytes)
  } finally {
    closeSync(fd)
  }
}

function eachLine(fd: number, take: (line: Buffer) => void, onBytes: (bytes: number) => void): void {
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
  // How much of a line, begun in the last chunk, stands at the front of this one; and whether its own front is gone.
  let kept = 0
  let isTooLong = false
  for (let read = readSync(fd, chunk); read > 0; read = readSync(fd, chunk, { offset: kept })) {
    const filled = chunk.subarray(0, kept + read)
    let start = 0
    for (let end = filled.indexOf(LINE_FEED); end !== -1; end = filled.indexOf(LINE_FEED, start)) {
      take(isTooLong ? NOTHING : filled.subarray(start, end))
      isTooLong = false
      start = end + 1
    }
    isTooLong ||= filled.length - start === CHUNK_BYTES
    kept = isTooLong ? 0 : filled.copy(chunk, 0, start)
    onBytes(read)
  }
  take(isTooLong ? NOTHING : chunk.subarray(0, kept))
}

/** The bytes of a list, for a progress told in parts of the whole. */
export function listBytes({ path }: List): number {
  const found = statSync(path, { throwIfNoEntry: false })
  if (!found) throw new ListUnfit(`There is no file ${path}. Nothing was changed.`)
  if (!found.isFile()) throw new ListUnfit(`${path} is no file. A stream is read from standard input, as -.`)
  return found.size
}

/** Takes the lines of a list one by one. */
function lineTaker(name: string, { wordsOnly }: ListRules, onHash: (sha1: Buffer) => void): (line: Buffer) => void {
  const decoded = Buffer.alloc(HASH_DIGITS / 2)
  let number = 0
  const unfit = (why: string) => new ListUnfit(`${name}, line ${number}: ${why} Nothing was changed.`)

  return (raw) => {
    number += 1
    const line = trimmed(raw, number === 1)
    if (line.length === 0) return
    if (!wordsOnly && decodeHash(line, decoded)) return onHash(decoded)
    if (line.includes(0)) throw unfit('this is no text in UTF-8. Unpack it, or convert it, first.')
    const mistake = wordsOnly
      ? undefined
      : MISTAKES.find(({ digits }) => line[digits] === COLON && isOfHexAndCount(line))
    if (mistake) throw unfit(mistake.why)
    onHash(sha1(line))
  }
}

function trimmed(line: Buffer, isFirst: boolean): Buffer {
  const start = isFirst && line.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK.length : 0
  const end = line.at(-1) === RETURN ? line.length - 1 : line.length
  return line.subarray(start, end)
}

/** What would be taken for passwords, silently and to no use, told by how many digits stand before the count. */
const MISTAKES: readonly { readonly digits: number; readonly why: string }[] = [
  { digits: 32, why: 'these are NTLM hashes. Latchkey wants the list of SHA-1 hashes.' },
  {
    digits: 35,
    why: 'these hashes lack their first five digits, which are in the name of the file: put them in front.',
  },
]

const isOfHexAndCount = (line: Buffer): boolean => /^[0-9a-f]+:\d+$/i.test(line.toString('latin1'))

const HASH_DIGITS = 40
const NO_DIGIT = 16
const VALUE_OF_DIGIT = Uint8Array.from({ length: 256 }, (_, code) => {
  const value = Number.parseInt(String.fromCharCode(code), 16)
  return Number.isNaN(value) ? NO_DIGIT : value
})

/** Reads `HASH` or `HASH:COUNT` into 20 bytes. False when the line is neither; the bytes are then nothing. By hand, for speed. */
function decodeHash(line: Buffer, into: Buffer): boolean {
  if (line.length < HASH_DIGITS || (line.length > HASH_DIGITS && !isCount(line))) return false
  for (let index = 0; index < into.length; index += 1) {
    const high = VALUE_OF_DIGIT[line[index * 2]!]!
    const low = VALUE_OF_DIGIT[line[index * 2 + 1]!]!
    if (high === NO_DIGIT || low === NO_DIGIT) return false
    into[index] = (high << 4) | low
  }
  return true
}

function isCount(line: Buffer): boolean {
  if (line[HASH_DIGITS] !== COLON || line.length === HASH_DIGITS + 1) return false
  for (let index = HASH_DIGITS + 1; index < line.length; index += 1)
    if (line[index]! < ZERO || line[index]! > NINE) return false
  return true
}
