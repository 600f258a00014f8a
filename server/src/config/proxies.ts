import { addressRange } from './kinds-of-address.ts'
import { kind, type Kind } from './kinds.ts'

/** The day on which `cloudflare` was what Cloudflare published. */
export const CLOUDFLARE_AS_OF = '2025-11-19'

/** As published at https://www.cloudflare.com/ips/; the same ones since 2021. */
export const CLOUDFLARE: readonly string[] = [
  '173.245.48.0/20',
  '103.21.244.0/22',
  '103.22.200.0/22',
  '103.31.4.0/22',
  '141.101.64.0/18',
  '108.162.192.0/18',
  '190.93.240.0/20',
  '188.114.96.0/20',
  '197.234.240.0/22',
  '198.41.128.0/17',
  '162.158.0.0/15',
  '104.16.0.0/13',
  '104.24.0.0/14',
  '172.64.0.0/13',
  '131.0.72.0/22',
  '2400:cb00::/32',
  '2606:4700::/32',
  '2803:f800::/32',
  '2405:b500::/32',
  '2405:8100::/32',
  '2a06:98c0::/29',
  '2c0f:f248::/32',
]

const NAMED: ReadonlyMap<string, readonly string[]> = new Map([
  ['loopback', ['127.0.0.0/8', '::1']], // RFC 1122 §3.2.1.3, RFC 4291 §2.5.3
  ['private', ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7']], // RFC 1918, RFC 4193
  ['linklocal', ['169.254.0.0/16', 'fe80::/10']], // RFC 3927, RFC 4291 §2.5.6
  ['cloudflare', CLOUDFLARE],
])

/** The ranges of a well-known kind of proxies by its name, in either case; or one address or range. */
export const proxyRanges: Kind<readonly string[]> = kind('a known kind of proxies or an address range', (text) => {
  const named = NAMED.get(text.toLowerCase())
  if (named) return named
  const range = addressRange.parse(text)
  return 'value' in range ? [range.value] : undefined
})
