/** 1 to 255 visible ASCII characters (RFC 5234 appendix B.1, VCHAR). */
const KEY = /^[\x21-\x7e]{1,255}$/

// RFC 9651 §3.3.3: of what stands between the quotes only a quote and a backslash are escaped.
const QUOTED = /^"((?:[^"\\]|\\["\\])*)"$/

/**
 * The key in an `Idempotency-Key` header: a string of RFC 9651 (draft-ietf-httpapi-idempotency-key-header-07 §2.1), or the
 * same without its quotes, as many clients send it. Undefined when it is neither.
 */
export function parseKey(header: string): string | undefined {
  const text = header.trim()
  const key = text.startsWith('"') ? QUOTED.exec(text)?.[1]?.replace(/\\(.)/g, '$1') : text
  return key !== undefined && KEY.test(key) ? key : undefined
}
