import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net'
import { kind } from './kinds.ts'
import type { Kind } from './kinds.ts'

const LABELS = /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/i
// All digits and dots, but no address: a typing mistake in one, never a name.
const NUMERIC = /^[\d.]+$/

const isHostName = (text: string): boolean => LABELS.test(text) && !NUMERIC.test(text)

/** A name or an IP address without a port; an IPv6 address comes back without brackets. */
export const host: Kind<string> = kind('a host name or an IP address, without a port', (text) => {
  const bare = text.replace(/^\[(.*)\]$/, '$1')
  return isIP(bare) !== 0 || isHostName(bare) ? bare : undefined
})

/** One form of Django's ALLOWED_HOSTS, in lower case; an IPv6 address comes back in brackets, as `Host` has it. */
export const allowedHost: Kind<string> = kind('a host', (text) => {
  const word = text.toLowerCase()
  if (word === '*') return word
  const bare = word.replace(/^\[(.*)\]$/, '$1')
  if (isIPv6(bare)) return `[${bare}]`
  return isIPv4(word) || isHostName(word.replace(/^\./, '')) ? word : undefined
})

/** An address or a CIDR range. `/0` is refused: it would believe whatever any caller says of its own address. */
export const addressRange: Kind<string> = kind('an IP address or a CIDR range', (text) => {
  const [address = '', prefix, ...rest] = text.split('/')
  const family = isIPv6(address) ? 'ipv6' : 'ipv4'
  if (isIP(address) === 0 || rest.length > 0) return undefined
  if (prefix === undefined) return text
  if (!/^[1-9]\d{0,2}$/.test(prefix)) return undefined
  try {
    new BlockList().addSubnet(address, Number(prefix), family)
    return text
  } catch {
    return undefined // a prefix longer than the address
  }
})

function parseWebUrl(text: string): URL | undefined {
  if (!/^https?:\/\/[^\s*\\/][^\s*\\]*$/i.test(text)) return undefined
  const url = URL.parse(text)
  if (!url || url.hostname === '' || url.username !== '' || url.password !== '' || text.includes('#')) return undefined
  return url
}

/** Scheme, host and port alone, in the form a browser's `Origin` has (RFC 6454 §6.2): no slash at the end. */
export const origin: Kind<string> = kind('http:// or https:// with a host and no path', (text) => {
  const url = parseWebUrl(text)
  return url?.pathname === '/' && url.search === '' && !text.endsWith('?') ? url.origin : undefined
})

export const originOrStar: Kind<string> = kind('an origin or *', (text) => {
  if (text === '*') return text
  const parsed = origin.parse(text)
  return 'value' in parsed ? parsed.value : undefined
})

/** A web address to call: a path and a query are fine, a user name is not. Kept as written, its last slash too. */
export const webUrl: Kind<string> = kind('an http or https address without a user name or #', (text) =>
  parseWebUrl(text) ? text : undefined,
)
