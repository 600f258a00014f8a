import { describe, expect, it } from 'vitest'
import { UNLIMITED } from '../../test/unlimited.ts'
import { createWorld, PASSWORD } from '../../test/world.ts'

/** Values of every JSON type but the one wanted, which is text. */
const NO_TEXT: readonly unknown[] = [
  true,
  false,
  0,
  1,
  -1,
  1.5,
  [],
  ['a@example.com'],
  {},
  { email: 'a@example.com' },
  [[]],
  [null],
]

const NOT_A_STRING = ['Not a valid string.']
const NULL = ['This field may not be null.']
const BLANK = ['This field may not be blank.']
const REQUIRED = ['This field is required.']

type Body = Readonly<Record<string, unknown>>

/** Text fields of the public routes, each in a body that is right but for it. */
const PUBLIC: readonly (readonly [path: string, field: string, rest: Body])[] = [
  ['/api/users/', 'email', { password: PASSWORD }],
  ['/api/users/', 'password', { email: 'sara@example.com' }],
  ['/api/token/', 'email', { password: PASSWORD }],
  ['/api/token/', 'password', { email: 'sara@example.com' }],
  ['/api/token/refresh/', 'refresh', {}],
  ['/api/token/verify/', 'token', {}],
]

describe.each(PUBLIC)('POST %s: %s', (path, field, rest) => {
  it('is text and nothing else', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    for (const value of NO_TEXT) {
      const { status, body } = await world.call('POST', path, { body: { ...rest, [field]: value } })
      expect([value, status, body.code, body[field]]).toEqual([value, 400, 'invalid', NOT_A_STRING])
    }
  })

  it('is neither null, nor blank, nor absent', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const ask = async (body: Body) => (await world.call('POST', path, { body })).body[field]
    expect(await ask({ ...rest, [field]: null })).toEqual(NULL)
    expect(await ask({ ...rest, [field]: '' })).toEqual(BLANK)
    expect(await ask(rest)).toEqual(REQUIRED)
  })

  it('holds no NUL and no half of a surrogate pair', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    for (const text of ['a\0b', '\0', 'a\uD83D', '\uDE00a', '\uDE00\uD83D']) {
      const { status, body } = await world.call('POST', path, { body: { ...rest, [field]: text } })
      expect([text, status, Object.keys(body).includes(field)]).toEqual([text, 400, true])
    }
  })
})

describe('POST /api/users/', () => {
  it.each(['first_name', 'last_name'])('%s is text, may be blank or absent, but not null', async (field) => {
    const world = await createWorld({ settings: UNLIMITED })
    const ask = (value: unknown) =>
      world.call('POST', '/api/users/', { body: { email: 'sara@example.com', password: PASSWORD, [field]: value } })
    for (const value of NO_TEXT) expect((await ask(value)).body[field]).toEqual(NOT_A_STRING)
    expect((await ask(null)).body[field]).toEqual(NULL)
    expect((await ask('a'.repeat(151))).body[field]).toEqual(['Ensure this field has no more than 150 characters.'])
    expect((await ask('  ')).body[field]).toBe('')
  })

  it('tells every fault of every field at once', async () => {
    const world = await createWorld()
    const body = { email: 1, password: 'short', first_name: null, last_name: [] }
    const answer = await world.call('POST', '/api/users/', { body })
    expect(Object.keys(answer.body).slice(5).sort()).toEqual(['email', 'first_name', 'last_name', 'password'])
    expect(answer.body.password.length).toBeGreaterThan(1)
  })

  it('ignores members it does not know', async () => {
    const world = await createWorld()
    const body = {
      email: 'sara@example.com',
      password: PASSWORD,
      id: 9,
      is_verified: true,
      is_staff: true,
      admin_since: 1,
    }
    const { status, body: made } = await world.call('POST', '/api/users/', { body })
    expect([status, made.id]).toEqual([201, 1])
  })
})

describe('PATCH /api/users/me/', () => {
  const CASES: readonly (readonly [field: string, value: unknown, faults: readonly string[]])[] = [
    ...NO_TEXT.flatMap((value) =>
      ['email', 'phone', 'first_name', 'last_name'].map((field) => [field, value, NOT_A_STRING] as const),
    ),
    ...NO_TEXT.map(
      (value) => ['birthday', value, ['Date has wrong format. Use one of these formats instead: YYYY-MM-DD.']] as const,
    ),
    ...NO_TEXT.flatMap((value) =>
      ['gender', 'language'].map((field) => [field, value, [`"${asText(value)}" is not a valid choice.`]] as const),
    ),
    ['email', null, NULL],
    ['first_name', null, NULL],
    ['last_name', null, NULL],
    ['email', '', BLANK],
    ['phone', '', BLANK],
    ['gender', 'Q', ['"Q" is not a valid choice.']],
    ['gender', 'm', ['"m" is not a valid choice.']],
    ['gender', '', ['"" is not a valid choice.']],
    ['language', 'de', ['"de" is not a valid choice.']],
    ...[
      '',
      '1995',
      '1995-3-21',
      '1995-02-30',
      '21-03-1995',
      '1995-03-21T00:00:00Z',
      '0000-01-01',
      '۱۹۹۵-۰۳-۲۱',
      ' 1995-03-21',
    ].map(
      (date) => ['birthday', date, ['Date has wrong format. Use one of these formats instead: YYYY-MM-DD.']] as const,
    ),
    ['birthday', '2026-11-23', ['This date may not be in the future.']],
    ['birthday', '9999-12-31', ['This date may not be in the future.']],
  ]

  function asText(value: unknown): string {
    return typeof value === 'string' ? value : JSON.stringify(value)
  }

  it('names the field that is of a wrong type or value, and changes nothing', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const { access: token } = await world.signedInUser()
    const before = (await world.call('GET', '/api/users/me/', { token })).body
    for (const [field, value, faults] of CASES) {
      const { status, body } = await world.call('PATCH', '/api/users/me/', { token, body: { [field]: value } })
      expect([field, value, status, body[field]]).toEqual([field, value, 400, faults])
    }
    expect((await world.call('GET', '/api/users/me/', { token })).body).toEqual(before)
  })

  it('takes null where nothing is a value', async () => {
    const world = await createWorld()
    const { access: token } = await world.signedInUser()
    const body = { phone: null, birthday: null, gender: null, language: null }
    expect(await world.call('PATCH', '/api/users/me/', { token, body })).toMatchObject({ status: 200, body })
  })
})

describe('POST /api/otp/…', () => {
  it('takes a channel by its name alone', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const { access: token } = await world.signedInUser()
    const ask = async (body: Body) => (await world.call('POST', '/api/otp/send/', { token, body })).body.email_or_phone
    for (const value of NO_TEXT)
      expect(await ask({ email_or_phone: value })).toEqual([`"${JSON.stringify(value)}" is not a valid choice.`])
    expect(await ask({ email_or_phone: null })).toEqual(NULL)
    expect(await ask({})).toEqual(REQUIRED)
    for (const text of ['', 'EMAIL', ' email', 'sms', 'email '])
      expect(await ask({ email_or_phone: text })).toEqual([`"${text}" is not a valid choice.`])
  })

  it('takes a code as text or number, six digits of it', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const { access: token } = await world.signedInUser()
    const ask = async (body: Body) => (await world.call('POST', '/api/otp/verify/', { token, body })).body.code
    const noInteger = [true, false, 12_345.6, 1e21, [], [123_456], {}, 'abcdef', '12345a', '1e5']
    for (const value of noInteger)
      expect([value, await ask({ code: value })]).toEqual([value, ['A valid integer is required.']])
    const noSixDigits = [1, -123_456, 1_234_567, '12345', '1234567', '-12345']
    for (const value of noSixDigits)
      expect([value, await ask({ code: value })]).toEqual([value, ['A code is six digits.']])
    expect(await ask({ code: null })).toEqual(NULL)
    expect(await ask({ code: '' })).toEqual(BLANK)
    expect(await ask({})).toEqual(REQUIRED)
    for (const value of [100_000, '100000', ' 100 000 ', '۱۰۰۰۰۰', '١٠٠٠٠٠', '100\u200c000', 1e5])
      expect([value, await ask({ code: value })]).toEqual([value, 'otp_invalid'])
  })

  it('takes a refresh token to log out by as text alone', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const { access: token } = await world.signedInUser()
    const ask = async (body: Body) => (await world.call('POST', '/api/logout/', { token, body })).body.refresh
    for (const value of NO_TEXT) expect(await ask({ refresh: value })).toEqual(NOT_A_STRING)
    expect([await ask({ refresh: null }), await ask({ refresh: '' }), await ask({})]).toEqual([NULL, BLANK, REQUIRED])
  })
})
