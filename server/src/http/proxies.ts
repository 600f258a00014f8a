import { BlockList, isIPv6 } from 'node:net'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { canonicalAddress } from '../kernel/network.ts'

const PROXY_HEADERS = ['x-forwarded-for', 'forwarded', 'x-real-ip'] as const

/**
 * Says once in the log that somebody forwards requests whom TRUSTED_PROXIES does not name: either a proxy was forgotten,
 * and all its clients count as one, or a client tries to pass for another. The headers are ignored either way.
 */
export function warnOfUntrustedProxies(app: FastifyInstance, trustedProxies: readonly string[]): void {
  const trusted = rangesOf(trustedProxies)
  let isSaid = false
  app.addHook('onRequest', (request, _, done) => {
    if (!isSaid) isSaid = warn(request)
    done()
  })

  /** Whether there was something to warn of. */
  function warn(request: FastifyRequest): boolean {
    const header = PROXY_HEADERS.find((name) => request.headers[name] !== undefined)
    if (header === undefined || includes(trusted, request)) return false
    request.log.warn(
      { header, peer: request.socket.remoteAddress },
      'proxy headers from an address that TRUSTED_PROXIES does not name are ignored; name it if it is your proxy',
    )
    return true
  }
}

function rangesOf(proxies: readonly string[]): BlockList {
  const ranges = new BlockList()
  for (const range of proxies) {
    const [address = '', bits] = range.split('/')
    const family = isIPv6(address) ? 'ipv6' : 'ipv4'
    ranges.addSubnet(address, bits === undefined ? (family === 'ipv6' ? 128 : 32) : Number(bits), family)
  }
  return ranges
}

function includes(ranges: BlockList, { socket }: FastifyRequest): boolean {
  const peer = canonicalAddress(socket.remoteAddress ?? '')
  return ranges.check(peer, isIPv6(peer) ? 'ipv6' : 'ipv4')
}
