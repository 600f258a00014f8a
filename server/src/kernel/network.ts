import { BlockList, isIP, isIPv6 } from 'node:net'

const V4_IN_V6 = /^[0:]*:ffff:(?:(\d+\.\d+\.\d+\.\d+)|([0-9a-f]{1,4}):([0-9a-f]{1,4}))$/i

/**
 * The text of an address, an IPv4 one inside IPv6 (RFC 4291 §2.5.5.2) in its own form, so that one client has one name. What is
 * no address stays as it is.
 */
export function canonicalAddress(address: string): string {
  const [, dotted, high, low] = V4_IN_V6.exec(address) ?? []
  if (dotted !== undefined) return dotted
  if (high === undefined || low === undefined || !isIPv6(address)) return address
  const bytes = [high, low].map((group) => Number.parseInt(group, 16)).flatMap((pair) => [pair >> 8, pair & 0xff])
  return bytes.join('.')
}

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4') // RFC 1122 §3.2.1.3
LOOPBACK.addAddress('::1', 'ipv6') // RFC 4291 §2.5.3

/** Whether an address, or a host's name, is this very machine (RFC 6761 §6.3). Other names are not looked up. */
export function isLoopback(host: string): boolean {
  const bare = canonicalAddress(host.toLowerCase().replace(/^\[(.*)\]$/, '$1'))
  if (isIP(bare) === 0) return bare === 'localhost' || bare.endsWith('.localhost')
  return LOOPBACK.check(bare, isIPv6(bare) ? 'ipv6' : 'ipv4')
}
