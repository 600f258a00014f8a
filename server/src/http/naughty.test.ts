import { expect, it } from 'vitest'
import { NAUGHTY_STRINGS } from '../../test/naughty-strings.ts'
import { UNLIMITED } from '../../test/unlimited.ts'
import { type Answer, createWorld, PASSWORD, type World } from '../../test/world.ts'
import { isFitForName } from '../kernel/text.ts'

const world = () => createWorld({ settings: UNLIMITED })

/** Refused for the field, which is named with its faults. */
function expectNamed(text: string, field: string, { status, body }: Answer): void {
  expect([text, status]).toEqual([text, 400])
  expect(Array.isArray(body[field]), `${field} named for ${JSON.stringify(text)}`).toBe(true)
}

const faultsIn = (world: World) =>
  world
    .logged()
    .split('\n')
    .filter((line) => /"level":(50|60)/.test(line))

it('has enough of them', () => {
  expect(new Set(NAUGHTY_STRINGS).size).toBeGreaterThanOrEqual(200)
})

it('keeps any name as it was sent, white space at its ends apart, but what hides or turns text around', async () => {
  const { call, signedInUser, ...rest } = await world()
  const { access: token } = await signedInUser()
  for (const text of NAUGHTY_STRINGS) {
    const names = { first_name: text, last_name: text }
    const changed = await call('PATCH', '/api/users/me/', { token, body: names })
    if (!isFitForName(text.trim())) {
      expectNamed(text, 'first_name', changed)
      expectNamed(text, 'last_name', changed)
      continue
    }
    expect([text, changed.status]).toEqual([text, 200])
    const { body } = await call('GET', '/api/users/me/', { token })
    expect([body.first_name, body.last_name]).toEqual([text.trim(), text.trim()])
  }
  expect(faultsIn(rest as World)).toEqual([])
})

it('registers whoever brings them as a name', async () => {
  const { call, ...rest } = await world()
  for (const [index, text] of NAUGHTY_STRINGS.entries()) {
    if (index % 7 !== 0) continue // a hash each: every seventh tells as much
    const body = { email: `name${index}@example.com`, password: PASSWORD, first_name: text }
    const made = await call('POST', '/api/users/', { body })
    if (!isFitForName(text.trim())) expectNamed(text, 'first_name', made)
    else expect([text, made.status, made.body.first_name]).toEqual([text, 201, text.trim()])
  }
  expect(faultsIn(rest as World)).toEqual([])
})

it('takes them in every other field for what they are: no address, no date, no choice, no token', async () => {
  const { call, signedInUser, ...rest } = await world()
  const { access: token } = await signedInUser()
  for (const text of NAUGHTY_STRINGS) {
    for (const field of ['phone', 'birthday', 'gender', 'language'])
      expectNamed(text, field, await call('PATCH', '/api/users/me/', { token, body: { [field]: text } }))
    expectNamed(text, 'email_or_phone', await call('POST', '/api/otp/send/', { token, body: { email_or_phone: text } }))
    const refreshed = await call('POST', '/api/token/refresh/', { body: { refresh: text } })
    const verified = await call('POST', '/api/token/verify/', { body: { token: text } })
    expect([text, refreshed.status, verified.status]).toEqual([text, 401, 401])
    const out = await call('POST', '/api/logout/', { token, body: { refresh: text } })
    expect([text, out.status, out.body.status]).toEqual([text, 400, 'Token is Invalid'])
    const code = await call('POST', '/api/otp/verify/', { token, body: { code: text } })
    expect([text, code.status]).toEqual([text, 400])
  }
  expect(faultsIn(rest as World)).toEqual([])
})

it('takes none of them for an e-mail address, and answers each as an address', async () => {
  const { call, signedInUser, ...rest } = await world()
  const { access: token } = await signedInUser()
  for (const text of NAUGHTY_STRINGS) {
    expectNamed(text, 'email', await call('PATCH', '/api/users/me/', { token, body: { email: text } }))
    expectNamed(text, 'email', await call('POST', '/api/users/', { body: { email: text, password: PASSWORD } }))
    // Whoever cannot have an account is told what everyone is told who has none.
    expect((await call('POST', '/api/token/', { body: { email: text, password: PASSWORD } })).status, text).toBe(401)
    const { status } = await call('POST', '/api/users/', { body: { email: `${text}@example.com`, password: 'weak' } })
    expect([text, status]).toEqual([text, 400])
  }
  expect(faultsIn(rest as World)).toEqual([])
})

it('signs in by any of them that made a password, and by no other', async () => {
  const { call, ...rest } = await world()
  for (const [index, text] of NAUGHTY_STRINGS.entries()) {
    if (index % 9 !== 0) continue // two hashes each
    const email = `password${index}@example.com`
    const password = `Ab!${text}`
    const made = await call('POST', '/api/users/', { body: { email, password } })
    if (made.status !== 201) {
      expectNamed(text, 'password', made)
      continue
    }
    expect((await call('POST', '/api/token/', { body: { email, password } })).status, text).toBe(200)
    expect((await call('POST', '/api/token/', { body: { email, password: `${password} ` } })).status, text).toBe(401)
  }
  expect(faultsIn(rest as World)).toEqual([])
})

it('takes them in headers, query and path without a fault', async () => {
  const { call, signedInUser, ...rest } = await world()
  const { access: token } = await signedInUser()
  for (const text of NAUGHTY_STRINGS) {
    const escaped = encodeURIComponent(text)
    const headers = {
      'user-agent': escaped,
      'accept-language': escaped,
      accept: escaped,
      authorization: `Bearer ${escaped}`,
    }
    const statuses = [
      await call('GET', `/api/users/me/?${escaped}=${escaped}`, { token }),
      await call('GET', `/api/users/${escaped}/`, { token }),
      await call('GET', `/${escaped}`),
      await call('GET', '/api/users/me/', { headers }),
      await call('GET', `/dev/inbox/messages/?to=${escaped}`),
    ].map(({ status }) => status)
    expect(Math.max(...statuses), text).toBeLessThan(500)
  }
  expect(faultsIn(rest as World)).toEqual([])
})
