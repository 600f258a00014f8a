import { isIPv6 } from 'node:net'
import { addressSeen } from '../../compose/seen-through-proxies.ts'
import { CLOUDFLARE, CLOUDFLARE_AS_OF } from '../../config/proxies.ts'
import { count } from '../command.ts'
import { type Finding, ok } from './finding.ts'

const TOPIC = 'proxies'

// Addresses for documentation (RFC 5737), which are nobody's.
const CLIENT = '203.0.113.7'
const WRITTEN_BY_CLIENT = '198.51.100.1'

/** Where the server takes a client to be, by an example through the first and the last of the trusted proxies. */
export async function inspectProxies(trusted: readonly string[]): Promise<Finding> {
  const [first, last] = [trusted[0], trusted.at(-1)]
  if (first === undefined || last === undefined) {
    return ok(TOPIC, 'none is trusted: a client is where its connection comes from, whatever X-Forwarded-For says')
  }
  const peer = someAddressIn(first)
  const forwarded = `${WRITTEN_BY_CLIENT}, ${CLIENT}, ${someAddressIn(last)}`
  const lines = [
    `${count(trusted.length, 'range')} trusted${asOf(trusted)}`,
    `X-Forwarded-For "${forwarded}" from ${peer} is read as ${await addressSeen(trusted, { peer, forwarded })}`,
    `X-Forwarded-For "${CLIENT}" from ${WRITTEN_BY_CLIENT} is read as ` +
      (await addressSeen(trusted, { peer: WRITTEN_BY_CLIENT, forwarded: CLIENT })),
  ]
  return ok(TOPIC, lines.join('\n'))
}

const asOf = (trusted: readonly string[]): string =>
  CLOUDFLARE.every((range) => trusted.includes(range)) ? `, those of Cloudflare as of ${CLOUDFLARE_AS_OF}` : ''

/** One that is not the range's own first, where there is another. */
function someAddressIn(range: string): string {
  const [address = '', bits] = range.split('/')
  if (isIPv6(address)) return address.endsWith('::') ? `${address}1` : address
  return bits === undefined || bits === '32' ? address : address.replace(/\d+$/, (last) => String(Number(last) ^ 1))
}
