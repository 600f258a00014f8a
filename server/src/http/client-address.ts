import { isIP, isIPv4, isIPv6 } from 'node:net'
import type { FastifyRequest } from 'fastify'
import { canonicalAddress } from '../kernel/network.ts'

/** What Fastify is told of the proxies: its `ip` is then the right-most hop that is none of them. */
export const trustIn = (proxies: readonly string[]): string[] | false => (proxies.length > 0 ? [...proxies] : false)

/** Where a client is: the socket's address, or what trusted proxies say. */
export function clientAddressOf({ ip, socket }: FastifyRequest): string {
  const address = canonicalAddress(ip)
  // A proxy may forward a word in place of an address; then the proxy is all we know.
  return isIP(address) === 0 ? canonicalAddress(socket.remoteAddress ?? '') : address
}

/**
 * What one client is counted by: an IPv4 address, or the /64 of an IPv6 one (RFC 6177: a subscriber has at least that
 * many to change between). Anything that is no address counts as itself.
 */
export function networkOf(address: string): string {
  const canonical = canonicalAddress(address)
  if (isIPv4(canonical) || !isIPv6(canonical)) return canonical
  return `${expandGroups(canonical).slice(0, 4).join(':')}::/64`
}

/**
 * What a household or an office is known by, whose address changes now and then: the /24 of an IPv4 address, the /48 of an
 * IPv6 one (RFC 6177 §2: what a site is given). Anything that is no address stands for itself.
 */
export function neighbourhoodOf(address: string): string {
  const canonical = canonicalAddress(address)
  if (isIPv4(canonical)) return `${canonical.split('.').slice(0, 3).join('.')}.0/24`
  if (!isIPv6(canonical)) return canonical
  return `${expandGroups(canonical).slice(0, 3).join(':')}::/48`
}

function expandGroups(address: string): string[] {
  const [head = '', tail] = address.replace(/%.*$/, '').toLowerCase().split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0')
  return [...left, ...zeros, ...right].map((group) => group.replace(/^0+(?=.)/, ''))
}
