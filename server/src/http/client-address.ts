import { isIPv4, isIPv6 } from 'node:net'
import { canonicalAddress } from '../kernel/network.ts'

/**
 * What one client is counted by: an IPv4 address, or the /64 of an IPv6 one (RFC 6177: a subscriber has at least that
 * many to change between). Anything that is no address counts as itself.
 */
export function networkOf(address: string): string {
  const canonical = canonicalAddress(address)
  if (isIPv4(canonical) || !isIPv6(canonical)) return canonical
  return `${expandGroups(canonical).slice(0, 4).join(':')}::/64`
}

function expandGroups(address: string): string[] {
  const [head = '', tail] = address.replace(/%.*$/, '').toLowerCase().split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0')
  return [...left, ...zeros, ...right].map((group) => group.replace(/^0+(?=.)/, ''))
}
