import { describe, expect, it } from 'vitest'
import { isInboxVisible } from './visibility.ts'

const OPEN = { publicUrl: undefined, trustedProxies: [] }
const NEAR = { peer: '127.0.0.1', httpVersion: '1.1', headers: { host: 'localhost:8000' } }

const withHeaders = (headers: Record<string, string>) => ({ ...NEAR, headers: { ...NEAR.headers, ...headers } })

describe('the local inbox answers', () => {
  it.each([
    ['someone on this machine', NEAR],
    ['over IPv6', { ...NEAR, peer: '::1' }],
    ['over IPv4 inside IPv6', { ...NEAR, peer: '::ffff:127.0.0.1' }],
    ['another address of the loopback network', { ...NEAR, peer: '127.8.9.10' }],
    ['under 127.0.0.1', withHeaders({ host: '127.0.0.1:8000' })],
    ['under [::1], without a port', withHeaders({ host: '[::1]' })],
    ['under a name in capitals', withHeaders({ host: 'LocalHost' })],
    ['its own page', withHeaders({ 'sec-fetch-site': 'same-origin' })],
    ['an address typed by hand', withHeaders({ 'sec-fetch-site': 'none' })],
  ])('%s', (_, approach) => {
    expect(isInboxVisible(OPEN, approach)).toBe(true)
  })

  it.each(['http://localhost:8000', 'http://127.0.0.1:3000', 'http://127.0.0.5', 'http://[::1]:8000'])(
    'when PUBLIC_URL is %s',
    (publicUrl) => {
      expect(isInboxVisible({ ...OPEN, publicUrl }, NEAR)).toBe(true)
    },
  )
})

describe('the local inbox is not there', () => {
  it.each([
    ['another machine', { ...NEAR, peer: '192.168.1.7' }],
    ['another machine, by IPv6', { ...NEAR, peer: '2001:db8::1' }],
    ['another machine, in IPv6 clothes', { ...NEAR, peer: '::ffff:10.0.0.1' }],
    ['nobody in particular', { ...NEAR, peer: undefined }],
    ['a peer that only looks like us', { ...NEAR, peer: '127.0.0.1.example.com' }],
    ['a proxy with Forwarded', withHeaders({ forwarded: 'for=127.0.0.1' })],
    ['a proxy with Via', withHeaders({ via: '1.1 nginx' })],
    ['a proxy with X-Forwarded-For, even empty', withHeaders({ 'x-forwarded-for': '' })],
    ['a proxy with any other X-Forwarded header', withHeaders({ 'x-forwarded-anything': 'x' })],
    ['a proxy that says nothing, as nginx comes', { ...NEAR, httpVersion: '1.0' }],
    ['a proxy with X-Real-IP', withHeaders({ 'x-real-ip': '127.0.0.1' })],
    ['a foreign name that resolves to this machine', withHeaders({ host: 'rebind.example.com' })],
    ['a name that begins like ours', withHeaders({ host: 'localhost.example.com' })],
    ['a name that hides ours in its port', withHeaders({ host: 'example.com:80@localhost' })],
    ['no Host', { ...NEAR, headers: {} }],
    ['a page of another site', withHeaders({ 'sec-fetch-site': 'cross-site' })],
    ['a page on another port of this machine', withHeaders({ 'sec-fetch-site': 'same-site' })],
    ['a word we do not know', withHeaders({ 'sec-fetch-site': 'Same-Origin' })],
  ])('for %s', (_, approach) => {
    expect(isInboxVisible(OPEN, approach)).toBe(false)
  })

  it.each(['https://auth.example.com', 'http://10.0.0.5:8000', 'http://localhost.example.com'])(
    'when PUBLIC_URL is %s',
    (publicUrl) => {
      expect(isInboxVisible({ ...OPEN, publicUrl }, NEAR)).toBe(false)
    },
  )

  it('when proxies are trusted', () => {
    expect(isInboxVisible({ ...OPEN, trustedProxies: ['127.0.0.1'] }, NEAR)).toBe(false)
  })
})
