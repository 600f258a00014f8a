import { expect, it } from 'vitest'
import { createWorld, PASSWORD } from '../../../test/world.ts'

it('registers, signs in, verifies by a code, refreshes and logs out', async () => {
  const world = await createWorld()
  const email = 'sara@example.com'
  const registered = await world.call('POST', '/api/users/', { body: { email, password: PASSWORD } })
  expect(registered.status).toBe(201)
  expect(registered.text).toBe(
    '{"url":"http://localhost:8000/api/users/1/","email":"sara@example.com","id":1,"first_name":"","last_name":""}',
  )
  expect(registered.headers['location']).toBe('http://localhost:8000/api/users/1/')

  const signedIn = await world.signIn({ email, password: PASSWORD })
  expect(signedIn.status).toBe(200)
  expect(Object.keys(signedIn.body)).toEqual(['refresh', 'access', 'email'])
  const token = signedIn.body.access

  const sent = await world.call('POST', '/api/otp/send/', { token, body: { email_or_phone: 'email' } })
  expect([sent.status, sent.body]).toEqual([200, { status: 'code has been sent to user' }])
  const code = await world.codeTo(email)
  const verified = await world.call('POST', '/api/otp/verify/', { token, body: { code } })
  expect([verified.status, verified.body]).toEqual([200, { status: 'User has Verified' }])
  const me = await world.call('GET', '/api/users/me/', { token })
  expect(me.body).toMatchObject({ id: 1, is_verified: true, email_verified: true })

  const refreshed = await world.call('POST', '/api/token/refresh/', { body: { refresh: signedIn.body.refresh } })
  expect(refreshed.status).toBe(200)
  const out = await world.call('POST', '/api/logout/', { token, body: { refresh: refreshed.body.refresh } })
  expect([out.status, out.body]).toEqual([200, { status: 'You have logged out' }])
  const after = await world.call('GET', '/api/users/me/', { token })
  expect(after.status).toBe(401)
  expect(after.body).toMatchObject({ code: 'token_not_valid' })
})
