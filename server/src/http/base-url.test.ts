import { describe, expect, it } from 'vitest'
import { createWorld } from '../../test/world.ts'
import { isAllowedHost } from './base-url.ts'

describe('a host is allowed', () => {
  it.each([
    ['example.com', ['example.com'], true],
    ['EXAMPLE.com', ['example.com'], true],
    ['example.com', ['EXAMPLE.COM'], true],
    ['example.com:8080', ['example.com'], true],
    ['example.com.', ['example.com'], true],
    ['example.com.:80', ['example.com'], true],
    ['sub.example.com', ['example.com'], false],
    ['sub.example.com', ['.example.com'], true],
    ['a.b.example.com:1', ['.example.com'], true],
    ['example.com', ['.example.com'], true],
    ['badexample.com', ['.example.com'], false],
    ['example.com.evil.org', ['example.com', '.example.com'], false],
    ['127.0.0.1:8000', ['127.0.0.1'], true],
    ['127.0.0.2', ['127.0.0.1'], false],
    ['[::1]', ['[::1]'], true],
    ['[::1]:8000', ['[::1]'], true],
    ['[::2]', ['[::1]'], false],
    ['::1', ['[::1]'], false],
    ['localhost', ['*'], true],
    ['127.0.0.1:9', ['*'], true],
    ['[::1]:9', ['*'], true],
    ['evil.example', ['*'], false],
    ['example.com', ['*', 'example.com'], true],
    ['example.com', [], false],
    ['', ['example.com', '*'], false],
    ['example.com:port', ['example.com'], false],
    ['example.com:123456', ['example.com'], false],
    ['example.com:65536', ['example.com'], false],
    ['example.com@evil.org', ['.org', 'example.com'], false],
    ['example.com/evil', ['example.com'], false],
    ['example.com evil', ['example.com'], false],
  ])('%s by %j: %s', (host, allowed, verdict) => {
    expect(isAllowedHost(host, allowed)).toBe(verdict)
  })
})

describe('links begin', () => {
  const links = async (settings: Record<string, string>, host: string) => {
    const world = await createWorld({ settings })
    const body = { email: 'sara@example.com', password: 'Correct-Horse-7' }
    const made = await world.call('POST', '/api/users/', { body, headers: { host } })
    const problem = await world.call('GET', '/nothing/', { headers: { host } })
    expect(made.headers['location']).toBe(made.body.url)
    return [made.body.url.replace('/api/users/1/', ''), problem.body.type.replace('/errors/not_found/', '')]
  }

  it('with the Host while it is a local one', async () => {
    for (const host of ['localhost:8000', 'localhost', '127.0.0.1:81', '[::1]:8000'])
      expect(await links({}, host)).toEqual([`http://${host}`, `http://${host}`])
  })

  it('with the local address for any other Host, which is answered and never echoed', async () => {
    for (const host of ['evil.example', 'testserver', 'localhost.evil.example', 'evil.example:8000'])
      expect(await links({ PORT: '8123' }, host)).toEqual(['http://localhost:8123', 'http://localhost:8123'])
  })

  it('with a Host that ALLOWED_HOSTS has', async () => {
    const settings = { ALLOWED_HOSTS: 'testserver,.example.com' }
    expect(await links(settings, 'testserver')).toEqual(['http://testserver', 'http://testserver'])
    expect(await links(settings, 'a.example.com:1')).toEqual(['http://a.example.com:1', 'http://a.example.com:1'])
    expect(await links(settings, 'localhost')).toEqual(['http://localhost:8000', 'http://localhost:8000'])
  })

  it('with PUBLIC_URL alone once it is set', async () => {
    const url = 'https://auth.example.com'
    const settings = { PUBLIC_URL: url, ALLOWED_HOSTS: 'testserver' }
    for (const host of ['testserver', 'localhost:8000', 'evil.example'])
      expect(await links(settings, host)).toEqual([url, url])
  })

  it('never with what a proxy header says', async () => {
    const world = await createWorld({ settings: { TRUSTED_PROXIES: '127.0.0.1' } })
    const headers = { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https', forwarded: 'host=evil.example' }
    const { text } = await world.call('GET', '/nothing/', { headers })
    expect(text).not.toContain('evil.example')
  })
})
