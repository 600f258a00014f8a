import { beforeEach, describe, expect, it } from 'vitest'
import { insertUser } from '../../../test/database.ts'
import { createWorld, type World } from '../../../test/world.ts'

const BASE = 'http://localhost:8000/api/users/'

let world: World
let token: string

/** An admin with the number 1, and twenty-four more. */
beforeEach(async () => {
  world = await createWorld()
  token = (await world.admin()).access
  for (let number = 2; number <= 25; number++) await insertUser(world.latchkey.foundation.db, `guest${number}`)
})

const list = (query = '', headers: Record<string, string> = {}) =>
  world.call('GET', `/api/users/${query}`, { token, headers })

const pageOf = async (query: string) => {
  const { status, body } = await list(query)
  expect(status).toBe(200)
  const ids = body.results.map(({ id }: { id: number }) => id)
  return { count: body.count, ids, next: body.next, previous: body.previous }
}

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index)

describe('the list of users', () => {
  it('is for admins alone', async () => {
    const anonymous = await world.call('GET', '/api/users/')
    expect([anonymous.status, anonymous.body.detail]).toEqual([401, 'Authentication credentials were not provided.'])
    expect(anonymous.headers['www-authenticate']).toBe('Bearer realm="api"')
    const user = await world.signedInUser('user@example.com')
    const refused = await world.call('GET', '/api/users/', { token: user.access })
    expect([refused.status, refused.body.code]).toEqual([403, 'permission_denied'])
  })

  it('shows the five fields of a registration, in the order of DRF', async () => {
    const { text, headers } = await list('?limit=2&offset=1')
    expect(text).toBe(
      `{"count":25,"next":"${BASE}?limit=2&offset=3","previous":"${BASE}?limit=2","results":[` +
        `{"url":"${BASE}2/","email":"guest2@example.com","id":2,"first_name":"","last_name":""},` +
        `{"url":"${BASE}3/","email":"guest3@example.com","id":3,"first_name":"","last_name":""}]}`,
    )
    expect(headers['cache-control']).toBe('no-store')
  })

  it('gives ten a page, by id, with links onward and back', async () => {
    expect(await pageOf('')).toEqual({
      count: 25,
      ids: numbers(1, 10),
      next: `${BASE}?limit=10&offset=10`,
      previous: null,
    })
    expect(await pageOf('?limit=10&offset=10')).toEqual({
      count: 25,
      ids: numbers(11, 20),
      next: `${BASE}?limit=10&offset=20`,
      previous: `${BASE}?limit=10`,
    })
    expect(await pageOf('?limit=10&offset=20')).toEqual({
      count: 25,
      ids: numbers(21, 25),
      next: null,
      previous: `${BASE}?limit=10&offset=10`,
    })
    expect(await pageOf('?limit=5&offset=20')).toMatchObject({ ids: numbers(21, 25), next: null })
  })

  it('takes the default for a limit that is none', async () => {
    for (const limit of ['0', '-1', '', 'junk', '0x10', '+5', '%205', '1e1', '5.0', '1_0', '٥', 'null', '[]', '5%00']) {
      const { ids, next } = await pageOf(`?limit=${limit}`)
      expect([limit, ids, next]).toEqual([limit, numbers(1, 10), `${BASE}?limit=10&offset=10`])
    }
  })

  it('gives at most a hundred a page, and says so in its links', async () => {
    for (let number = 26; number <= 130; number++) await insertUser(world.latchkey.foundation.db, `guest${number}`)
    for (const limit of ['100', '101', '1000000', '99999999999999999999']) {
      expect(await pageOf(`?limit=${limit}`)).toMatchObject({
        ids: numbers(1, 100),
        next: `${BASE}?limit=100&offset=100`,
      })
    }
  })

  it('begins at the beginning for an offset that is none', async () => {
    for (const offset of ['-1', '', 'junk', '0', '000', '1.5', '1e1']) {
      const { ids, previous } = await pageOf(`?offset=${offset}`)
      expect([offset, ids, previous]).toEqual([offset, numbers(1, 10), null])
    }
  })

  it('is an empty list past the end, however far', async () => {
    for (const offset of ['25', '26', '1000', '9007199254740993', '99999999999999999999', '9'.repeat(400)]) {
      const { count, ids, next, previous } = await pageOf(`?offset=${offset}`)
      expect([offset, count, ids, next]).toEqual([offset, 25, [], null])
      expect(previous).toMatch(/^http:\/\/localhost:8000\/api\/users\/\?limit=10&offset=\d+$/)
    }
  })

  it('keeps the other parameters in its links, sorted as DRF sorts them', async () => {
    expect(await pageOf('?z=1&limit=5&a=x%20y&z=2&offset=5&q=a?b%26c&empty=')).toMatchObject({
      ids: numbers(6, 10),
      next: `${BASE}?a=x+y&empty=&limit=5&offset=10&q=a%3Fb%26c&z=1&z=2`,
      previous: `${BASE}?a=x+y&empty=&limit=5&q=a%3Fb%26c&z=1&z=2`,
    })
  })

  it('reads the last of a parameter given twice, and says it once', async () => {
    expect(await pageOf('?limit=3&limit=4&offset=1&offset=2')).toMatchObject({
      ids: numbers(3, 6),
      next: `${BASE}?limit=4&offset=6`,
    })
  })

  it('survives every query', async () => {
    for (const query of ['?%', '?%zz=%ff', '?__proto__=1&constructor=2', '?limit[]=3', '?limit=%ff&=&&=', '?#', '??']) {
      expect((await list(query)).status).toBe(200)
    }
  })

  it('is the same without its slash', async () => {
    const { body } = await world.call('GET', '/api/users?limit=2', { token })
    expect([body.results.length, body.next]).toEqual([2, `${BASE}?limit=2&offset=2`])
  })

  it('closes the gap that a deleted user leaves', async () => {
    expect((await world.call('DELETE', '/api/users/2/', { token })).status).toBe(204)
    expect(await pageOf('?limit=2')).toMatchObject({ count: 24, ids: [1, 3] })
  })
})

describe('links', () => {
  it('follow the request only where its Host is allowed', async () => {
    const expected = [
      ['localhost:1234', 'http://localhost:1234'],
      ['127.0.0.1:8000', 'http://127.0.0.1:8000'],
      ['[::1]:8000', 'http://[::1]:8000'],
      ['LOCALHOST', 'http://LOCALHOST'],
      ['evil.example', 'http://localhost:8000'],
      ['localhost.evil.example', 'http://localhost:8000'],
      ['evil.example:8000', 'http://localhost:8000'],
      ['xn--localhost', 'http://localhost:8000'],
    ]
    for (const [host = '', base] of expected) {
      const { status, text, body } = await list('?limit=1', { host })
      expect([status, body.next]).toEqual([
        200,
        `${base}/api/users/?limit=1&offset=1`.replace('LOCALHOST', 'localhost'),
      ])
      expect(body.results[0].url).toBe(`${base}/api/users/1/`)
      expect(text).not.toContain('evil')
    }
  })

  it('follow ALLOWED_HOSTS in the forms of Django', async () => {
    const local = await createWorld({ settings: { ALLOWED_HOSTS: 'api.example.com,.sara.example,*' } })
    const locationAt = async (host: string) => {
      const body = { email: `${host.replace(/\W/g, '')}@example.com`, password: 'Correct-Horse-7' }
      const { headers } = await local.call('POST', '/api/users/', { body, headers: { host } })
      return String(headers['location']).replace(/\/api\/users\/\d+\/$/, '')
    }
    for (const host of ['api.example.com', 'api.example.com:81', 'sara.example', 'a.b.sara.example', 'localhost:3']) {
      expect(await locationAt(host)).toBe(`http://${host}`)
    }
    for (const host of ['example.com', 'xapi.example.com', 'xsara.example', 'evil.example']) {
      expect(await locationAt(host)).toBe('http://localhost:8000')
    }
  })

  it('start with PUBLIC_URL once it is set, whatever the Host', async () => {
    const settings = { PUBLIC_URL: 'https://id.example.com' }
    const open = await createWorld({ settings })
    const body = { email: 'a@example.com', password: 'Correct-Horse-7' }
    const { body: made, headers } = await open.call('POST', '/api/users/', { body, headers: { host: 'localhost' } })
    expect([made.url, headers['location']]).toEqual(Array(2).fill('https://id.example.com/api/users/1/'))
    const refused = await open.call('GET', '/api/users/')
    expect(refused.body.type).toBe('https://id.example.com/errors/not_authenticated/')
  })
})
