import { hash } from 'node:crypto'

/**
 * The file of breached passwords: a Bloom filter in pages. The SHA-1 of a password says by its first 6 bytes which page it is
 * on, and by the other 14, two at a time, which seven of the page's 65 536 bits are set. So a look-up is one read of 8 KiB and
 * seven bits, and a list sorted by hash, as Have I Been Pwned's is, is written from the first page to the last.
 *
 * | bytes | what                                                      |
 * | ----- | --------------------------------------------------------- |
 * | 0–7   | `LKBREACH`                                                |
 * | 8–11  | version of the format, 1; numbers are big-endian          |
 * | 12–15 | bytes a page, 8192                                        |
 * | 16–19 | bits an entry sets, 7                                     |
 * | 20–23 | pages                                                     |
 * | 24–31 | entries put in, the same one twice counted twice          |
 * | 32–63 | SHA-256 of bytes 0 to 31 and of all pages                 |
 * | 64–   | the pages                                                 |
 */
export const PAGE_BYTES = 8192
const PAGE_BITS = PAGE_BYTES * 8
const BITS_SET = 7
const FIRST_BIT_AT = 6

// With seven bits an entry, three bytes an entry leave 1 wrong answer in 15 000: (1 - e^(-7/24))^7.
const BITS_AN_ENTRY = 24

export const HEADER_BYTES = 64
export const CHECKSUM_AT = 32
const MAGIC = 'LKBREACH'
const VERSION = 1
// 2^31 pages are 16 TiB: more than anyone's list, and far within what a number can count.
const MAX_PAGES = 2 ** 31

export interface Shape {
  readonly pages: number
  readonly entries: number
}

/** What a filter for so many entries measures. At least one page. */
export const shapeFor = (entries: number): Shape => ({
  entries,
  pages: Math.max(1, Math.ceil((entries * BITS_AN_ENTRY) / PAGE_BITS)),
})

export const fileBytes = ({ pages }: Shape): number => HEADER_BYTES + pages * PAGE_BYTES

/** The header but for its checksum. */
export function headerOf({ pages, entries }: Shape): Buffer {
  const header = Buffer.alloc(CHECKSUM_AT)
  header.write(MAGIC, 'latin1')
  header.writeUInt32BE(VERSION, 8)
  header.writeUInt32BE(PAGE_BYTES, 12)
  header.writeUInt32BE(BITS_SET, 16)
  header.writeUInt32BE(pages, 20)
  header.writeBigUInt64BE(BigInt(entries), 24)
  return header
}

/** What a header tells, or what is wrong with it. */
export function parseHeader(header: Buffer): Shape | 'no filter' | 'another version' {
  if (header.length < HEADER_BYTES || header.toString('latin1', 0, MAGIC.length) !== MAGIC) return 'no filter'
  const numbers = [8, 12, 16].map((at) => header.readUInt32BE(at))
  if (numbers.join() !== [VERSION, PAGE_BYTES, BITS_SET].join()) return 'another version'
  const pages = header.readUInt32BE(20)
  const entries = Number(header.readBigUInt64BE(24))
  return pages >= 1 && pages <= MAX_PAGES && Number.isSafeInteger(entries) ? { pages, entries } : 'no filter'
}

export const sha1 = (text: string | Uint8Array): Buffer => hash('sha1', text, 'buffer')

/** A hash's place in the order of hashes, to 48 bits. */
export const rankOf = (sha1: Buffer): number => sha1.readUIntBE(0, FIRST_BIT_AT)

/** The page of a rank. Never lower for a higher rank. */
export const pageOf = (rank: number, { pages }: Pick<Shape, 'pages'>): number => Math.floor((rank / 2 ** 48) * pages)

/** Puts a hash on the page that begins at an offset. */
export function setBits(bytes: Buffer, offset: number, sha1: Buffer): void {
  for (let index = 0; index < BITS_SET; index += 1) {
    const bit = sha1.readUInt16BE(FIRST_BIT_AT + index * 2)
    bytes[offset + (bit >> 3)]! |= 1 << (bit & 7)
  }
}

/** Whether a page has all the bits of a hash. */
export function hasBits(page: Buffer, sha1: Buffer): boolean {
  for (let index = 0; index < BITS_SET; index += 1) {
    const bit = sha1.readUInt16BE(FIRST_BIT_AT + index * 2)
    if ((page[bit >> 3]! & (1 << (bit & 7))) === 0) return false
  }
  return true
}
