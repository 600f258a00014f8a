// Ours have about 700 bytes; what is longer is not worth a library's time.
const MAX_BYTES = 4096

// The last character of a segment carries 2 or 4 bits that decoders ignore; only one way of writing them is canonical.
const CHARACTER = '[A-Za-z0-9_-]'
const ENDING = `(?:${CHARACTER}[AQgw]|${CHARACTER}{2}[AEIMQUYcgkosw048])`
const SEGMENT = `(?=${CHARACTER})(?:${CHARACTER}{4})*${ENDING}?`
const COMPACT = new RegExp(`^${SEGMENT}\\.${SEGMENT}\\.${SEGMENT}$`)

/**
 * The header segment of a token in JWS compact serialisation (RFC 7515 §7.1), as written: three segments of canonical
 * base64url (RFC 4648 §3.5: no padding, no line break, spare bits zero), at most 4 KiB. Undefined for anything else.
 */
export function headerSegment(token: string): string | undefined {
  if (token.length > MAX_BYTES || !COMPACT.test(token)) return undefined
  return token.slice(0, token.indexOf('.'))
}

/** A header written as our signers write it: of our own tokens, each kind and key has exactly one. */
export function encodeHeader(header: Readonly<Record<string, string>>): string {
  return Buffer.from(JSON.stringify(header)).toString('base64url')
}
