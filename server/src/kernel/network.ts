import { BlockList, isIP, isIPv6 } from 'node:net'

const V4_IN_V6 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i

/** The text of an address, an IPv4 one inside IPv6 (RFC 4291 §2.5.5.2) in its own form, so that one client has one name. */
export function canonicalAddress(address: string): string {
  return V4_IN_V6.exec(address)?.[1] ?? address
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
