import { isIP } from 'node:net'
import { isLoopback } from '../../kernel/network.ts'

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
export function isInboxVisible(rules: InboxRules, approach: Approach): boolean {
  return isForThisMachine(rules) && comesFromThisMachine(approach) && isUnderLocalName(approach)
}

const isForThisMachine = ({ publicUrl, trustedProxies }: InboxRules): boolean =>
  trustedProxies.length === 0 && (publicUrl === undefined || isLoopback(new URL(publicUrl).hostname))

function comesFromThisMachine({ peer, httpVersion, headers }: Approach): boolean {
  if (peer === undefined || isIP(peer) === 0 || !isLoopback(peer)) return false
  // nginx as it comes passes requests on as HTTP/1.0, with a local Host and without a word of where they are from.
  return httpVersion !== '1.0' && !Object.keys(headers).some(isProxyHeader)
}

function isUnderLocalName({ headers: { host, 'sec-fetch-site': site } }: Approach): boolean {
  const isOtherSites = site !== undefined && site !== 'same-origin' && site !== 'none'
  return typeof host === 'string' && LOCAL_HOST.test(host) && !isOtherSites
}

const LOCAL_HOST = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?$/i

const isProxyHeader = (name: string): boolean =>
  name === 'forwarded' || name === 'via' || name === 'x-real-ip' || name.startsWith('x-forwarded-')
