import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { UNLIMITED } from '../../../test/unlimited.ts'
import { createWorld, PASSWORD, type World } from '../../../test/world.ts'

const register = (world: World, body: unknown, options: { token?: string } = {}) =>
  world.call('POST', '/api/users/', { body, ...options })

const faultsOf = async (world: World, body: unknown) => {
  const { status, body: problem } = await register(world, body)
  const { type, title, detail, code, request_id, ...faults } = problem
  expect([status, code, type]).toEqual([400, 'invalid', 'http://localhost:8000/errors/invalid/'])
  expect([title, detail, request_id].every((text) => typeof text === 'string')).toBe(true)
  return faults
}

describe('a registration', () => {
  it('answers the five fields of the origin, byte for byte, and where the user is', async () => {
    const world = await createWorld()
    const body = { email: ' Sara.K@Example.com ', password: PASSWORD, first_name: ' Sara ', last_name: '' }
    const { status, text, headers } = await register(world, body)
    expect(status).toBe(201)
    expect(text).toBe(
      '{"url":"http://localhost:8000/api/users/1/","email":"Sara.K@Example.com","id":1,"first_name":"Sara","last_name":""}',
    )
    expect(headers['location']).toBe('http://localhost:8000/api/users/1/')
    expect(headers['content-type']).toMatch(/^application\/json/)
    expect(headers['cache-control']).toBe('no-store')
  })

  it('makes an account that can sign in, by the address in any case', async () => {
    const world = await createWorld()
    expect((await register(world, { email: 'Sara@Example.com', password: PASSWORD })).status).toBe(201)
    for (const email of ['Sara@Example.com', 'sara@example.com', ' SARA@EXAMPLE.COM ']) {
      const { status, body } = await world.signIn({ email, password: PASSWORD })
      expect([status, body.email]).toEqual([200, 'Sara@Example.com'])
    }
  })

  it('begins with nothing verified, no phone, no birthday, no rights', async () => {
    const world = await createWorld()
    const wishes = { is_verified: true, is_staff: true, is_superuser: true, id: 99, adminSince: '2020-01-01' }
    const { body } = await register(world, {
      ...wishes,
      phone: '09123456789',
      email: 'a@example.com',
      password: PASSWORD,
    })
    expect(body.id).toBe(1)
    const { body: tokens } = await world.signIn({ email: 'a@example.com', password: PASSWORD })
    const me = await world.call('GET', '/api/users/1/', { token: tokens.access })
    expect(me.text).toBe(
      '{"id":1,"email":"a@example.com","phone":null,"first_name":"","last_name":"","is_verified":false,' +
        '"birthday":null,"gender":null}',
    )
    expect((await world.call('GET', '/api/users/', { token: tokens.access })).status).toBe(403)
  })

  it('is for the anonymous and for admins, whatever is in the body', async () => {
    const world = await createWorld()
    const [user, admin] = [await world.signedInUser(), await world.admin()]
    const body = { email: 'new@example.com', password: PASSWORD }
    for (const each of [body, {}, 'junk']) {
      const refused = await register(world, each, { token: user.access })
      expect([refused.status, refused.body.code]).toEqual([403, 'permission_denied'])
      expect(refused.body.detail).toBe('You do not have permission to perform this action.')
    }
    const bad = await register(world, body, { token: 'junk' })
    expect([bad.status, bad.body.code]).toEqual([401, 'token_not_valid'])
    expect((await register(world, body, { token: admin.access })).status).toBe(201)
  })

  it('takes a password as it is, spaces and all', async () => {
    const world = await createWorld()
    const [email, password] = ['a@example.com', '  Correct-Horse 7 ']
    expect((await register(world, { email, password })).status).toBe(201)
    expect((await world.signIn({ email, password: password.trim() })).status).toBe(401)
    expect((await world.signIn({ email, password })).status).toBe(200)
  })
})

describe('a faulty registration', () => {
  it('is told what is missing, blank, null or of another type, in the words of DRF', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const required = ['This field is required.']
    const blank = ['This field may not be blank.']
    const none = ['This field may not be null.']
    const noText = ['Not a valid string.']
    expect(await faultsOf(world, {})).toEqual({ email: required, password: required })
    expect(await faultsOf(world, { email: '', password: '' })).toEqual({ email: blank, password: blank })
    expect(await faultsOf(world, { email: '  \t', password: PASSWORD })).toEqual({ email: blank })
    const nulls = { email: null, password: null, first_name: null, last_name: null }
    expect(await faultsOf(world, nulls)).toEqual({ email: none, password: none, first_name: none, last_name: none })
    for (const wrong of [1, 1.5, true, ['a@example.com'], { a: 1 }]) {
      const body = { email: wrong, password: wrong, first_name: wrong, last_name: wrong }
      const faults = await faultsOf(world, body)
      expect(faults).toEqual({ email: noText, password: noText, first_name: noText, last_name: noText })
    }
  })

  it('is told every fault of every field at once, a taken address among them', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    await world.signedInUser('sara@gmail.com')
    const taken = { email: ['user with this email already exists.'] }
    const long = ['Ensure this field has no more than 150 characters.']
    const weak = [
      'Ensure this field has at least 8 characters.',
      'This password must contain at least one upper-case letter.',
      'This password must contain at least one punctuation mark.',
      'This password is too common.',
    ]
    expect(await faultsOf(world, { email: 'SARA@gmail.com', password: 'short' })).toEqual({ ...taken, password: weak })
    expect(await faultsOf(world, { email: 's.ara+x@googlemail.com', password: PASSWORD })).toEqual(taken)
    const all = { email: 'sara', password: 'short', first_name: 'x'.repeat(151), last_name: '😀'.repeat(151) }
    expect(await faultsOf(world, all)).toEqual({
      email: ['Enter a valid email address.'],
      password: weak,
      first_name: long,
      last_name: long,
    })
  })

  it('is no more than a fault where a body is no object', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const expected = (got: string) => ({
      non_field_errors: [`Invalid data. Expected a dictionary, but got ${got}.`],
    })
    expect(await faultsOf(world, [])).toEqual(expected('list'))
    expect(await faultsOf(world, [{ email: 'a@example.com' }])).toEqual(expected('list'))
    expect(await faultsOf(world, 'text')).toEqual(expected('str'))
    expect(await faultsOf(world, 7)).toEqual(expected('int'))
    expect(await faultsOf(world, 7.5)).toEqual(expected('float'))
    expect(await faultsOf(world, false)).toEqual(expected('bool'))
    expect(await faultsOf(world, null)).toEqual({ non_field_errors: ['No data provided'] })
  })

  it('keeps NUL and half characters out of the database', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const [nul, half] = [['Null characters are not allowed.'], ['Not a valid string.']]
    const withNul = { email: 'a\0@example.com', password: `${PASSWORD}\0`, first_name: 'a\0b', last_name: '\0' }
    expect(await faultsOf(world, withNul)).toEqual({ email: nul, password: nul, first_name: nul, last_name: nul })
    const withHalf = {
      email: 'a\ud800@example.com',
      password: `${PASSWORD}\udc00`,
      first_name: '\ud83d',
      last_name: '',
    }
    expect(await faultsOf(world, withHalf)).toEqual({ email: half, password: half, first_name: half })
  })

  it('counts names in code points, after trimming', async () => {
    const world = await createWorld()
    const longest = '😀'.repeat(150)
    const body = { email: 'a@example.com', password: PASSWORD, first_name: `  ${longest} `, last_name: '   ' }
    const { status, body: user } = await register(world, body)
    expect([status, user.first_name, user.last_name]).toEqual([201, longest, ''])
  })

  it('leaves nothing behind', async () => {
    const world = await createWorld()
    await faultsOf(world, { email: 'a@example.com', password: 'weak' })
    const { body } = await register(world, { email: 'a@example.com', password: PASSWORD })
    expect(body.id).toBe(1)
  })
})

describe('one address, one account', () => {
  const SAME = [
    ['sara@example.com', 'SARA@EXAMPLE.COM'],
    ['sara@bücher.example', 'sara@xn--bcher-kva.example'],
    ['sara@bücher.example', 'sara@BÜCHER.example'],
    ['sara.k@gmail.com', 'sarak@gmail.com'],
    ['sarak@gmail.com', 'sarak+shop@gmail.com'],
    ['sarak@gmail.com', 's.a.r.a.k@googlemail.com'],
  ] as const

  it.each(SAME)('takes %s and %s for the same', async (first, second) => {
    const world = await createWorld()
    await world.signedInUser(first)
    expect(await faultsOf(world, { email: second, password: PASSWORD })).toEqual({
      email: ['user with this email already exists.'],
    })
  })

  it('takes dots and tags elsewhere for what they are', async () => {
    const world = await createWorld()
    for (const email of ['sara.k@example.com', 'sarak@example.com', 'sarak+shop@example.com']) {
      expect((await register(world, { email, password: PASSWORD })).status).toBe(201)
    }
  })

  it('lets one mailbox have several accounts where the operator says so, one address never', async () => {
    const world = await createWorld({ settings: { ONE_ACCOUNT_PER_MAILBOX: 'off' } })
    await world.signedInUser('sarak@gmail.com')
    expect((await register(world, { email: 'sara.k@gmail.com', password: PASSWORD })).status).toBe(201)
    await faultsOf(world, { email: 'SaraK@gmail.com', password: PASSWORD })
  })

  it('signs in by the address as stored, not by another of its mailbox', async () => {
    const world = await createWorld()
    await world.signedInUser('sara.k@gmail.com')
    expect((await world.signIn({ email: 'sarak@gmail.com', password: PASSWORD })).status).toBe(401)
    expect((await world.signIn({ email: 'Sara.K@gmail.com', password: PASSWORD })).status).toBe(200)
  })
})

describe('whatever strangers send', () => {
  const value = fc.oneof(
    { weight: 4, arbitrary: fc.string({ unit: 'binary', maxLength: 200 }) },
    { weight: 2, arbitrary: fc.emailAddress() },
    { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
  )
  const member = fc.option(value, { nil: undefined })
  const body = fc.oneof(
    fc.record({ email: member, password: member, first_name: member, last_name: member }),
    fc.record({
      email: fc.emailAddress(),
      password: fc.string({ minLength: 8, maxLength: 40 }).map((text) => `${text}aA-`),
    }),
  )

  it('is answered by 201 or 400, and what is accepted can sign in', { timeout: 60_000 }, async () => {
    const world = await createWorld({ settings: UNLIMITED })
    let accepted = 0
    await fc.assert(
      fc.asyncProperty(body, async (wanted) => {
        const { status, body: answer } = await register(world, wanted)
        expect([201, 400]).toContain(status)
        if (status === 400) return
        accepted += 1
        const { email, password } = wanted as { email: string; password: string }
        const signedIn = await world.signIn({ email, password })
        expect([signedIn.status, signedIn.body.email]).toEqual([200, answer.email])
      }),
      { numRuns: 120 },
    )
    expect(accepted).toBeGreaterThan(20)
  })
})
