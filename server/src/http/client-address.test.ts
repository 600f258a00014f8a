import { describe, expect, it } from 'vitest'
import { createWorld, type World } from '../../test/world.ts'
import { canonicalAddress } from '../kernel/network.ts'
import { neighbourhoodOf, networkOf } from './client-address.ts'

describe('one client counts as one', () => {
  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['::FFFF:203.0.113.7', '203.0.113.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2:ffff:ffff:ffff:ffff', '2001:db8:1:2::/64'],
    ['2001:0DB8:0001:0002::1', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::ffff:cb00:7107', '203.0.113.7'],
    ['0:0:0:0:0:FFFF:cb00:7107', '203.0.113.7'],
    ['0::ffff:203.0.113.7', '203.0.113.7'],
    ['2001:db8::ffff:cb00:7107', '2001:db8:0:0::/64'],
    ['::ffff:0:cb00:7107', '0:0:0:0::/64'],
    ['word', 'word'],
  ])('%s by %s', (address, network) => {
    expect(networkOf(address)).toBe(network)
  })

  it('whatever the form of its address', () => {
    expect(canonicalAddress('::ffff:127.0.0.1')).toBe('127.0.0.1')
    expect(canonicalAddress('::1')).toBe('::1')
  })
})

describe('one household or office counts as one', () => {
  it.each([
    ['203.0.113.7', '203.0.113.0/24'],
    ['203.0.113.255', '203.0.113.0/24'],
    ['::ffff:203.0.113.7', '203.0.113.0/24'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1::/48'],
    ['2001:0DB8:0001:ffff::1', '2001:db8:1::/48'],
    ['2001:db8::1', '2001:db8:0::/48'],
    ['word', 'word'],
  ])('%s by %s', (address, neighbourhood) => {
    expect(neighbourhoodOf(address)).toBe(neighbourhood)
  })
})

/** Where the server takes a client to be: what its log says of the request. */
async function seen(world: World, from: string, headers: Record<string, string>): Promise<string> {
  const { headers: answered } = await world.call('GET', '/healthz', { from, headers })
  const id = String(answered['x-request-id'])
  const line = world
    .logged()
    .split('\n')
    .find((each) => each.includes(id) && each.includes('"answered"'))
  return JSON.parse(line!).from
}

describe('without TRUSTED_PROXIES', () => {
  it('is where its socket says, whatever headers say', async () => {
    const world = await createWorld()
    for (const name of [
      'x-forwarded-for',
      'x-real-ip',
      'forwarded',
      'cf-connecting-ip',
      'true-client-ip',
      'x-client-ip',
    ])
      expect(await seen(world, '203.0.113.7', { [name]: '198.51.100.1' })).toBe('203.0.113.7')
  })

  it.each([
    ['x-forwarded-for', '198.51.100.1'],
    ['forwarded', 'for=198.51.100.1'],
    ['x-real-ip', '198.51.100.1'],
  ])('says once that %s arrives and is ignored', async (name, value) => {
    const world = await createWorld()
    for (let asked = 0; asked < 3; asked++) await seen(world, '127.0.0.1', { [name]: value })
    const warnings = world
      .logged()
      .split('\n')
      .filter((line) => line.includes('TRUSTED_PROXIES'))
    expect(warnings).toHaveLength(1)
    expect(JSON.parse(warnings[0]!)).toMatchObject({ level: 40, header: name, peer: '127.0.0.1' })
  })

  it('says nothing of it while none arrive', async () => {
    const world = await createWorld()
    await seen(world, '127.0.0.1', {})
    expect(world.logged()).not.toContain('TRUSTED_PROXIES')
  })
})

describe('with TRUSTED_PROXIES', () => {
  const TRUSTED_PROXIES = '10.0.0.0/8,127.0.0.1,fd00::/8'

  it.each([
    ['the one hop a proxy tells of', '10.1.2.3', '198.51.100.1', '198.51.100.1'],
    ['the right-most untrusted hop', '10.1.2.3', '198.51.100.1, 10.9.9.9, 10.8.8.8', '198.51.100.1'],
    ['not what a client wrote before it', '10.1.2.3', '1.1.1.1, 198.51.100.1', '198.51.100.1'],
    ['not a trusted address a client wrote', '10.1.2.3', '10.7.7.7, 198.51.100.1', '198.51.100.1'],
    ['through IPv6', 'fd00::1', '2001:db8::7', '2001:db8::7'],
    ['through a proxy in mapped form', '::ffff:10.1.2.3', '198.51.100.1', '198.51.100.1'],
    ['of a client in mapped form, in hexadecimal', '10.1.2.3', '::ffff:c633:6401', '198.51.100.1'],
    ['of a client in mapped form', '10.1.2.3', '::ffff:198.51.100.1', '198.51.100.1'],
    ['its own, when nobody is trusted who tells', '203.0.113.7', '198.51.100.1', '203.0.113.7'],
    ['the farthest, when all are trusted', '10.1.2.3', '10.4.4.4, 10.5.5.5', '10.4.4.4'],
    ['with white space around', '10.1.2.3', '  198.51.100.1  ', '198.51.100.1'],
    ['the proxy, when it tells a word', '10.1.2.3', 'unknown', '10.1.2.3'],
    ['the proxy, when it tells nothing', '10.1.2.3', '', '10.1.2.3'],
    ['the proxy, when the last hop is junk', '10.1.2.3', '198.51.100.1, <script>', '10.1.2.3'],
    ['the hop, when only what comes before is junk', '10.1.2.3', "' or 1=1, 198.51.100.1", '198.51.100.1'],
    ['the proxy, when an address is cut off', '10.1.2.3', '198.51.100', '10.1.2.3'],
  ])('is %s', async (_, from, forwarded, address) => {
    const world = await createWorld({ settings: { TRUSTED_PROXIES } })
    expect(await seen(world, from, { 'x-forwarded-for': forwarded })).toBe(address)
  })

  it('warns of a peer that is none of them, and of no other', async () => {
    const world = await createWorld({ settings: { TRUSTED_PROXIES } })
    const headers = { 'x-forwarded-for': '198.51.100.1', 'x-real-ip': '198.51.100.1' }
    for (const from of ['10.1.2.3', '::ffff:10.1.2.3', 'fd00::1', '127.0.0.1']) await seen(world, from, headers)
    expect(world.logged()).not.toContain('TRUSTED_PROXIES')
    await seen(world, '203.0.113.7', headers)
    expect(world.logged()).toContain('TRUSTED_PROXIES')
  })

  it('counts the clients behind a proxy apart, and nobody twice by writing himself other addresses', async () => {
    const world = await createWorld({ settings: { TRUSTED_PROXIES, THROTTLE_LOGIN: '2/min' } })
    const body = { email: 'no@example.com', password: 'Nobody-99' }
    const tries = async (forwarded: string) =>
      (await world.call('POST', '/api/token/', { from: '10.1.2.3', body, headers: { 'x-forwarded-for': forwarded } }))
        .status
    const first = [
      await tries('198.51.100.1'),
      await tries('9.9.9.9, 198.51.100.1'),
      await tries('8.8.8.8, 198.51.100.1'),
    ]
    expect(first).toEqual([401, 401, 429])
    expect(await tries('198.51.100.2')).toBe(401)
    // Of one /64 but the last; and at another account, since the first one's own counter is nearly full.
    body.email = 'nor@example.com'
    const others = ['2001:db8::1', '2001:db8::2:1', '2001:db8:0:0:ffff::', '2001:db8:0:1::1']
    const statuses: number[] = []
    for (const other of others) statuses.push(await tries(other))
    expect(statuses).toEqual([401, 401, 429, 401])
  })

  it.each([
    ['loopback', '127.0.0.2', '203.0.113.7'],
    ['loopback', '::1', '203.0.113.7'],
    ['loopback', '10.0.0.1', '10.0.0.1'],
    ['private', '172.31.255.255', '203.0.113.7'],
    ['private', '172.32.0.1', '172.32.0.1'],
    ['private', 'fd12::1', '203.0.113.7'],
    ['linklocal', '169.254.1.1', '203.0.113.7'],
    ['linklocal', 'fe80::1%eth0', '203.0.113.7'],
    ['cloudflare', '104.27.255.255', '203.0.113.7'],
    ['cloudflare', '104.28.0.1', '104.28.0.1'],
    ['cloudflare', '2606:4700:10::1', '203.0.113.7'],
    ['cloudflare', '127.0.0.1', '127.0.0.1'],
  ])('named %s, and the peer is %s, is %s', async (kind, from, address) => {
    const world = await createWorld({ settings: { TRUSTED_PROXIES: kind } })
    expect(await seen(world, from, { 'x-forwarded-for': '203.0.113.7' })).toBe(address)
    expect(world.logged().includes('TRUSTED_PROXIES')).toBe(address === from)
  })
})
