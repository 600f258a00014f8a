import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { OPENAPI } from '../../../test/openapi.ts'
import { createWorld } from '../../../test/world.ts'

const YAML = 'application/vnd.oai.openapi'
const JSON_TYPE = 'application/vnd.oai.openapi+json'

describe('the document', () => {
  it.each([
    ['/api/schema/', '', YAML],
    ['/api/schema', '', YAML],
    ['/api/schema/', '*/*', YAML],
    ['/api/schema/', 'text/html,application/xhtml+xml,*/*;q=0.8', YAML],
    ['/api/schema/', 'application/yaml', 'application/yaml'],
    ['/api/schema/', 'application/json', 'application/json'],
    ['/api/schema/', 'application/vnd.oai.openapi+json', JSON_TYPE],
    ['/api/schema/', 'application/yaml;q=0.5, application/json;q=0.9', 'application/json'],
    ['/api/schema/?format=json', '', JSON_TYPE],
    ['/api/schema/?format=yaml', 'application/json', YAML],
  ])('%s asked for with Accept "%s" is %s', async (path, accept, mediaType) => {
    const world = await createWorld()
    const { status, headers, text } = await world.call('GET', path, { headers: { accept } })
    expect([status, headers['content-type']]).toEqual([200, mediaType])
    const name = mediaType.includes('json') ? 'latchkey.json' : 'latchkey.yaml'
    expect(headers['content-disposition']).toBe(`inline; filename="${name}"`)
    expect(parse(text)).toEqual(OPENAPI)
  })

  it.each(['xml', '', 'JSON', 'json&format=json'])('is not there in the format "%s"', async (format) => {
    const world = await createWorld()
    const { status, body } = await world.call('GET', `/api/schema/?format=${format}`)
    expect([status, body.code]).toEqual([404, 'not_found'])
  })

  it('is not sent again to whoever has it', async () => {
    const world = await createWorld()
    const first = await world.call('GET', '/api/schema/')
    const etag = String(first.headers['etag'])
    const again = await world.call('GET', '/api/schema/', { headers: { 'if-none-match': `"other", W/${etag}` } })
    expect([again.status, again.text]).toEqual([304, ''])
    const other = await world.call('GET', '/api/schema/?format=json', { headers: { 'if-none-match': etag } })
    expect(other.status).toBe(200)
  })
})

const PAGES = ['/api/schema/ui/', '/api/schema/redoc/', '/errors/', '/errors/throttled/']
const ASSETS = ['swagger-ui.js', 'swagger-ui.css', 'redoc.js'].map((name) => `/api/schema/assets/${name}`)

describe('the pages', () => {
  it.each(PAGES)('%s stands under a policy that allows no inline code and no framing', async (path) => {
    const world = await createWorld()
    const { status, headers } = await world.call('GET', path)
    expect([status, headers['content-type']]).toEqual([200, 'text/html; charset=utf-8'])
    const policy = String(headers['content-security-policy'])
    expect(policy).not.toMatch(/unsafe-|\*|https?:/)
    for (const directive of ['default-src', 'object-src', 'base-uri', 'form-action', 'frame-ancestors'])
      expect(policy).toContain(`${directive} 'none'`)
  })

  it('are for anyone, whatever credentials come along, as often as they like', async () => {
    const world = await createWorld({ settings: { THROTTLE_ANON: '1/day' } })
    for (const path of ['/api/schema/', ...PAGES, ...PAGES, ...ASSETS]) {
      const { status, headers } = await world.call('GET', path, { token: 'no token' })
      expect([path, status, headers['location']]).toEqual([path, 200, undefined])
    }
  })

  it('are themselves with and without the final slash, and name nothing relative to themselves', async () => {
    const world = await createWorld()
    for (const path of PAGES) {
      const { text } = await world.call('GET', path.slice(0, -1))
      const named = [...text.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, target]) => target!)
      expect(named.length).toBeGreaterThan(0)
      for (const target of named) expect(target).toMatch(/^(?:\/[a-z]|data:,$)/)
    }
  })

  it('have a nonce of their own each time ReDoc is opened', async () => {
    const world = await createWorld()
    const nonces = new Set<string>()
    for (const _ of [1, 2, 3]) {
      const { text, headers } = await world.call('GET', '/api/schema/redoc/')
      const [, nonce = ''] = /nonce="([^"]+)"/.exec(text) ?? []
      expect(headers['content-security-policy']).toContain(`'nonce-${nonce}'`)
      nonces.add(nonce)
    }
    expect(nonces.size).toBe(3)
  })

  it.each(ASSETS)('%s asks nothing of another server, and is not sent twice', async (path) => {
    const world = await createWorld()
    const { text, headers } = await world.call('GET', path)
    expect(text.length).toBeGreaterThan(10_000)
    expect(text).not.toMatch(/cdn\.redoc\.ly|@import|url\(["']?https?:/)
    const again = await world.call('GET', path, { headers: { 'if-none-match': String(headers['etag']) } })
    expect(again.status).toBe(304)
  })
})
