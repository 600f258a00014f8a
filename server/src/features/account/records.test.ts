import { beforeEach, describe, expect, it } from 'vitest'
import { createWorld, type SignedIn, type World } from '../../../test/world.ts'

let world: World
let user: SignedIn
let other: SignedIn
let admin: SignedIn

beforeEach(async () => {
  world = await createWorld()
  user = await world.signedInUser()
  other = await world.signedInUser()
  admin = await world.admin()
})

const METHODS = ['GET', 'PUT', 'PATCH', 'DELETE'] as const
const BODY = {
  GET: undefined,
  PUT: { email: 'new@example.com' },
  PATCH: { first_name: 'X' },
  DELETE: undefined,
} as const

const ask = (method: (typeof METHODS)[number], id: string | number, token?: string) =>
  world.call(method, `/api/users/${id}/`, { body: BODY[method], ...(token !== undefined && { token }) })

/** No user's path, however it is read. */
const NOBODY = [
  '4',
  '0',
  '01',
  '-1',
  '+1',
  '1.0',
  '1e0',
  '0x1',
  'abc',
  'Me',
  '%20',
  '1%20',
  '٣',
  '1;',
  '99999999999999999999',
]

describe('a record', () => {
  it('is eight fields for its user and for an admin, byte for byte', async () => {
    const expected =
      `{"id":${user.id},"email":"${user.email}","phone":null,"first_name":"","last_name":"","is_verified":false,` +
      '"birthday":null,"gender":null}'
    for (const token of [user.access, admin.access]) {
      const { status, text, headers } = await ask('GET', user.id, token)
      expect([status, text]).toEqual([200, expected])
      expect(headers['cache-control']).toBe('no-store')
    }
  })

  it('is told more of to its user at `me`', async () => {
    const { status, body } = await world.call('GET', '/api/users/me/', { token: user.access })
    expect(status).toBe(200)
    expect(Object.keys(body).slice(0, 8)).toEqual(Object.keys((await ask('GET', user.id, user.access)).body))
    expect(body).toMatchObject({
      id: user.id,
      language: null,
      email_verified: false,
      phone_verified: false,
      pending_email: null,
      pending_phone: null,
    })
    const nobody = await world.call('GET', '/api/users/me/')
    expect([nobody.status, nobody.body.code]).toEqual([401, 'not_authenticated'])
  })

  it.each(METHODS)('refuses %s to the anonymous, whoever is meant', async (method) => {
    for (const id of [user.id, 'me', ...NOBODY]) {
      const { status, body, headers } = await ask(method, id)
      expect([id, status, body.detail]).toEqual([id, 401, 'Authentication credentials were not provided.'])
      expect(headers['www-authenticate']).toBe('Bearer realm="api"')
    }
  })

  it.each(METHODS)('refuses %s of another in the same words whether or not there is such a user', async (method) => {
    for (const id of [other.id, admin.id, ...NOBODY.filter((id) => id !== String(user.id))]) {
      const { status, body } = await ask(method, id, user.access)
      const { request_id: _, ...said } = body
      expect([id, status, said]).toEqual([
        id,
        403,
        {
          type: 'http://localhost:8000/errors/permission_denied/',
          title: expect.any(String),
          detail: 'You do not have permission to perform this action.',
          code: 'permission_denied',
        },
      ])
    }
    expect((await ask('GET', other.id, other.access)).status).toBe(200)
  })

  it.each(METHODS)('answers %s of nobody with 404 to an admin', async (method) => {
    for (const id of NOBODY) {
      const { status, body } = await ask(method, id, admin.access)
      expect([id, status, body.detail]).toEqual([id, 404, 'No User matches the given query.'])
      expect(body.code).toBe('not_found')
    }
  })

  it('is open to an admin in every way', async () => {
    expect((await ask('GET', user.id, admin.access)).status).toBe(200)
    expect((await ask('PUT', user.id, admin.access)).body.email).toBe('new@example.com')
    expect((await ask('PATCH', user.id, admin.access)).body.first_name).toBe('X')
    expect((await ask('DELETE', user.id, admin.access)).status).toBe(204)
  })

  it('is refused to a bad token even where none is needed', async () => {
    const { status, body } = await ask('GET', user.id, `${user.access}x`)
    expect([status, body.code]).toEqual([401, 'token_not_valid'])
  })

  it('is the same without the slash', async () => {
    const { status } = await world.call('GET', `/api/users/${user.id}`, { token: user.access })
    expect(status).toBe(200)
  })
})
