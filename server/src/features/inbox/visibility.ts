import { isIPv4 } from 'node:net'

export interface InboxRules {
  readonly publicUrl: string | undefined
  readonly trustedProxies: readonly string[]
}

/** Of a request, what tells whether it comes from this very machine and from no other site's page. */
export interface Approach {
  /** The socket's other end, never what a header says. */
  readonly peer: string | undefined
  /** `1.0` or `1.1`. */
  readonly httpVersion: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

/**
 * Whether the local inbox answers. It shows every code, so it does only on a server that is not reachable from elsewhere
 * by its settings, to a loopback peer, not through a proxy, under a local name (a foreign name that resolves to 127.0.0.1
 * is an attack: DNS rebinding), and not to another site's page (Fetch Metadata).
 */
export function isInboxVisible(
  { publicUrl, trustedProxies }: InboxRules,
  { peer, httpVersion, headers }: Approach,
): boolean {
  if (trustedProxies.length > 0) return false
  if (publicUrl !== undefined && !isLoopbackName(new URL(publicUrl).hostname)) return false
  if (peer === undefined || !isLoopbackAddress(peer)) return false
  if (Object.keys(headers).some(isProxyHeader)) return false
  // nginx as it comes passes requests on as HTTP/1.0, with a local Host and without a word of where they are from.
  if (httpVersion === '1.0') return false
  const { host, 'sec-fetch-site': site } = headers
  return (
    typeof host === 'string' &&
    LOCAL_HOST.test(host) &&
    (site === undefined || site === 'same-origin' || site === 'none')
  )
}

const LOCAL_HOST = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?$/i

const isProxyHeader = (name: string): boolean =>
  name === 'forwarded' || name === 'via' || name === 'x-real-ip' || name.startsWith('x-forwarded-')

/** 127.0.0.0/8 (RFC 1122 §3.2.1.3), also inside IPv6, and ::1 (RFC 4291 §2.5.3). */
function isLoopbackAddress(address: string): boolean {
  const plain = address.toLowerCase().replace(/^::ffff:(?=\d+\.)/, '')
  return plain === '::1' || (isIPv4(plain) && plain.startsWith('127.'))
}

/** As `URL.hostname` writes it. */
const isLoopbackName = (name: string): boolean =>
  name === 'localhost' || name === '[::1]' || (isIPv4(name) && name.startsWith('127.'))
