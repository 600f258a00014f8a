import Fastify from 'fastify'
import { clientAddressOf, trustIn } from '../http/client-address.ts'

/** Where a server that trusts these proxies takes a client to be, when a peer sends an `X-Forwarded-For`. */
export async function addressSeen(
  trustedProxies: readonly string[],
  { peer, forwarded }: { readonly peer: string; readonly forwarded: string },
): Promise<string> {
  const app = Fastify({ trustProxy: trustIn(trustedProxies) })
  app.get('/', async (request) => clientAddressOf(request))
  const headers = { 'x-forwarded-for': forwarded }
  try {
    return (await app.inject({ method: 'GET', url: '/', remoteAddress: peer, headers })).payload
  } finally {
    await app.close()
  }
}
