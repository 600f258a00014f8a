import { describe, expect, it } from 'vitest'
import { UNLIMITED } from '../../test/unlimited.ts'
import { createWorld, PASSWORD } from '../../test/world.ts'

describe('Authorization', () => {
  it('names a bearer token, its scheme in any case', async () => {
    const world = await createWorld()
    const { access } = await world.signedInUser()
    for (const authorization of [`Bearer ${access}`, `bearer ${access}`, `BEARER ${access}`, `  Bearer   ${access}  `])
      expect((await world.call('GET', '/api/users/me/', { headers: { authorization } })).status).toBe(200)
  })

  it('of another scheme is none', async () => {
    const world = await createWorld()
    const { access } = await world.signedInUser()
    for (const authorization of [
      '',
      ' ',
      'Basic YTpi',
      `JWT ${access}`,
      `Token ${access}`,
      access,
      `Bearer:${access}`,
      `Bearer,${access}`,
    ]) {
      const { status, body } = await world.call('GET', '/api/users/me/', { headers: { authorization } })
      expect([authorization, status, body.code]).toEqual([authorization, 401, 'not_authenticated'])
    }
  })

  it('of two values, or of the scheme alone, is malformed', async () => {
    const world = await createWorld()
    const { access } = await world.signedInUser()
    for (const authorization of ['Bearer', 'Bearer ', `Bearer ${access} ${access}`, `Bearer ${access}, Basic x`]) {
      const { status, body } = await world.call('GET', '/api/users/me/', { headers: { authorization } })
      expect([status, body.code]).toEqual([401, 'bad_authorization_header'])
      expect(body.detail).toBe('Authorization header must contain two space-delimited values')
    }
  })

  it('of a bad token is refused as simplejwt refuses it', async () => {
    const world = await createWorld()
    const { access, refresh } = await world.signedInUser()
    for (const token of [
      'x',
      'a.b.c',
      `${access}x`,
      `${access.slice(0, -4)}AAAA`,
      refresh,
      access.toUpperCase(),
      `${'a'.repeat(5000)}.b.c`,
    ]) {
      const { status, body } = await world.call('GET', '/api/users/me/', { token })
      expect([status, body.code, body.detail]).toEqual([
        401,
        'token_not_valid',
        'Given token not valid for any token type',
      ])
      expect(body.messages).toEqual([{ token_class: 'AccessToken', token_type: 'access', message: expect.any(String) }])
    }
  })

  it('is refused when bad, even where none is needed', async () => {
    const world = await createWorld()
    const body = { email: 'sara@example.com', password: PASSWORD }
    expect((await world.call('POST', '/api/users/', { token: 'x', body })).status).toBe(401)
  })

  it('is ignored where the contract says so', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const { email, refresh, access } = await world.signedInUser()
    const calls = [
      await world.call('POST', '/api/token/', { token: 'x', body: { email, password: PASSWORD } }),
      await world.call('POST', '/api/token/refresh/', { token: 'x', body: { refresh } }),
      await world.call('POST', '/api/token/verify/', { token: 'x', body: { token: access } }),
      ...(await Promise.all(
        ['/healthz', '/readyz', '/.well-known/jwks.json', '/dev/inbox/'].map((path) =>
          world.call('GET', path, { token: 'x' }),
        ),
      )),
    ]
    expect(calls.map(({ status }) => status)).toEqual(calls.map(() => 200))
  })
})
