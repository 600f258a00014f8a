import { randomBytes, randomInt } from 'node:crypto'

/** Where chance comes from: a cryptographically secure generator, given as an argument (STYLE.md rule 8). */
export interface Random {
  bytes(count: number): Uint8Array
  /** A uniform whole number, both ends included. */
  integer(min: number, max: number): number
}

/** The machine's generator. */
export const systemRandom: Random = {
  bytes: (count) => new Uint8Array(randomBytes(count)),
  integer: (min, max) => randomInt(min, max + 1),
}

/** A time-ordered UUID (RFC 9562 §5.7, version 7): 48 bits of milliseconds, 74 bits of chance. */
export function uuidv7(random: Random, now: Date): string {
  const bytes = random.bytes(16)
  new DataView(bytes.buffer).setBigUint64(0, (BigInt(now.getTime()) << 16n) | BigInt(random.integer(0, 0xffff)))
  bytes[6] = (bytes[6]! & 0x0f) | 0x70
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  return uuidText(bytes)
}

/** The UUID that stands for these 16 bytes, the same each time (RFC 9562 §5.8, version 8): 122 bits of them. */
export function uuidv8(given: Uint8Array): string {
  const bytes = given.slice(0, 16)
  bytes[6] = (bytes[6]! & 0x0f) | 0x80
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  return uuidText(bytes)
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Whether a text is a UUID as we write them: what an id in a path must be before a database is asked for it. */
export const isUuid = (text: string): boolean => UUID.test(text)

function uuidText(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
