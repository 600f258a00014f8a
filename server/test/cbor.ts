export type Cbor = number | string | Uint8Array | readonly Cbor[] | ReadonlyMap<number | string, Cbor>

/** CBOR (RFC 8949 §3) of what WebAuthn is made of: whole numbers, text, bytes, arrays, maps. */
export function toCbor(value: Cbor): Buffer {
  if (typeof value === 'number') return value < 0 ? head(1, -1 - value) : head(0, value)
  if (typeof value === 'string') return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)])
  if (value instanceof Uint8Array) return Buffer.concat([head(2, value.length), value])
  if (value instanceof Map) {
    const members = [...(value as ReadonlyMap<number | string, Cbor>)].flatMap(([key, member]) => [key, member])
    return Buffer.concat([head(5, value.size), ...members.map(toCbor)])
  }
  const items = value as readonly Cbor[]
  return Buffer.concat([head(4, items.length), ...items.map(toCbor)])
}

/** The major type with its count, in as few bytes as hold it (§4.2.1). */
function head(majorType: number, count: number): Buffer {
  const type = majorType << 5
  if (count < 24) return Buffer.of(type | count)
  if (count < 0x100) return Buffer.of(type | 24, count)
  const wide = Buffer.of(type | 25, 0, 0)
  wide.writeUInt16BE(count, 1)
  return wide
}
