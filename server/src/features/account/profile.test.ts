import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { createWorld, type SignedIn, type World } from '../../../test/world.ts'
import { days } from '../../kernel/duration.ts'

let world: World
let user: SignedIn

beforeEach(async () => {
  world = await createWorld({ settings: { THROTTLE_USER: 'off' } })
  user = await world.signedInUser('sara@example.com')
})

const change = (body: unknown, method: 'PUT' | 'PATCH' = 'PATCH', path: string = `/api/users/${user.id}/`) =>
  world.call(method, path, { token: user.access, body })

const faultsOf = async (body: unknown, method: 'PUT' | 'PATCH' = 'PATCH') => {
  const { status, body: problem } = await change(body, method)
  const { type: _type, title: _title, detail: _detail, request_id: _id, code, ...faults } = problem
  expect([status, code]).toEqual([400, 'invalid'])
  return faults
}

describe('a change of the record', () => {
  it('answers the eight fields as they now are, byte for byte', async () => {
    const { status, text } = await change({
      phone: '09123456789',
      first_name: ' سارا ',
      last_name: 'K',
      birthday: '1995-03-21',
      gender: 'F',
      language: 'en',
    })
    expect([status, text]).toEqual([
      200,
      '{"id":1,"email":"sara@example.com","phone":"+989123456789","first_name":"سارا","last_name":"K",' +
        '"is_verified":false,"birthday":"1995-03-21","gender":"F"}',
    ])
    expect((await world.call('GET', '/api/users/1/', { token: user.access })).text).toBe(text)
  })

  it('leaves what is not named as it is, by PUT too, which needs the address alone', async () => {
    await change({ first_name: 'Sara', last_name: 'K', phone: '09123456789', birthday: '2000-02-29', gender: 'M' })
    const { status, body } = await change({ email: 'sara@example.com' }, 'PUT')
    expect([status, body]).toMatchObject([
      200,
      { first_name: 'Sara', last_name: 'K', phone: '+989123456789', birthday: '2000-02-29', gender: 'M' },
    ])
    expect(await faultsOf({ first_name: 'X' }, 'PUT')).toEqual({ email: ['This field is required.'] })
    expect((await change({ last_name: '' })).body).toMatchObject({ first_name: 'Sara', last_name: '' })
    const empty = await world.call('PATCH', '/api/users/1/', { token: user.access })
    expect([empty.status, empty.body.first_name]).toEqual([200, 'Sara'])
  })

  it('ignores what is not to be written, and what is unknown', async () => {
    const wishes = { id: 99, is_verified: true, email_verified: true, is_staff: true, admin_since: 1, adminSince: 1 }
    const more = { password: 'x', passwordHash: 'x', pending_email: 'a@b.co', constructor: 1, toString: 2, url: 'x' }
    const { status, body } = await change({ ...wishes, ...more, first_name: 'Sara' })
    expect([status, body]).toMatchObject([200, { id: 1, is_verified: false, first_name: 'Sara' }])
    expect((await world.signIn(user)).status).toBe(200)
    expect((await world.call('GET', '/api/users/', { token: user.access })).status).toBe(403)
  })

  it('is the same at `me`, which answers more', async () => {
    const { status, body } = await change({ language: 'fa', gender: 'F' }, 'PATCH', '/api/users/me/')
    expect([status, body]).toMatchObject([200, { id: 1, gender: 'F', language: 'fa', pending_email: null }])
    const put = await change({ email: 'sara@example.com', language: null }, 'PUT', '/api/users/me/')
    expect([put.status, put.body.language]).toEqual([200, null])
  })

  it('speaks the language the user chose from then on, and its codes never change', async () => {
    await change({ language: 'fa' })
    const refused = await change({ gender: 'Q' })
    expect(refused.headers['content-language']).toBe('fa')
    expect(refused.body.code).toBe('invalid')
    expect(refused.body.gender[0]).not.toContain('is not a valid choice')
    await change({ language: null })
    expect(await faultsOf({ gender: 'Q' })).toEqual({ gender: ['"Q" is not a valid choice.'] })
  })

  it('can be taken back: what may be null is nulled', async () => {
    await change({ phone: '09123456789', birthday: '2000-01-01', gender: 'M', language: 'fa' })
    const { body } = await change(
      { phone: null, birthday: null, gender: null, language: null },
      'PATCH',
      '/api/users/me/',
    )
    expect(body).toMatchObject({ phone: null, birthday: null, gender: null, language: null })
  })
})

describe('a faulty change', () => {
  it('is told all faults of all fields at once, and changes nothing', async () => {
    await world.signedInUser('taken@example.com')
    const faults = await faultsOf({
      email: 'taken@example.com',
      phone: '12',
      first_name: 'x'.repeat(151),
      last_name: null,
      birthday: 'yesterday',
      gender: 'Q',
      language: 'de',
    })
    expect(faults).toEqual({
      email: ['user with this email already exists.'],
      phone: ['Invalid Phone Number, must follow this pattern: +989123456789 or 09123456789'],
      first_name: ['Ensure this field has no more than 150 characters.'],
      last_name: ['This field may not be null.'],
      birthday: ['Date has wrong format. Use one of these formats instead: YYYY-MM-DD.'],
      gender: ['"Q" is not a valid choice.'],
      language: ['"de" is not a valid choice.'],
    })
    expect(await faultsOf({ email: 'taken@example.com', first_name: 'Sara' })).toEqual({
      email: ['user with this email already exists.'],
    })
    const { body } = await world.call('GET', '/api/users/1/', { token: user.access })
    expect(body).toMatchObject({ email: 'sara@example.com', first_name: '' })
  })

  it('is told of its own address no such thing', async () => {
    expect(await faultsOf({ email: 'SARA@example.com', gender: 'Q' })).toEqual({
      gender: ['"Q" is not a valid choice.'],
    })
  })

  it('is told what is of another type', async () => {
    const date = ['Date has wrong format. Use one of these formats instead: YYYY-MM-DD.']
    const noText = ['Not a valid string.']
    for (const wrong of [1, true, ['x'], { a: 1 }]) {
      const said = [`"${typeof wrong === 'object' ? JSON.stringify(wrong) : wrong}" is not a valid choice.`]
      const names = ['email', 'phone', 'first_name', 'last_name', 'birthday', 'gender', 'language']
      const texts = { email: noText, phone: noText, first_name: noText, last_name: noText }
      expect(await faultsOf(Object.fromEntries(names.map((name) => [name, wrong])))).toEqual({
        ...texts,
        birthday: date,
        gender: said,
        language: said,
      })
    }
    expect(await faultsOf({ email: null })).toEqual({ email: ['This field may not be null.'] })
    expect(await faultsOf({ email: '', phone: ' ' })).toEqual({
      email: ['This field may not be blank.'],
      phone: ['This field may not be blank.'],
    })
    expect(await faultsOf([])).toEqual({
      non_field_errors: ['Invalid data. Expected a dictionary, but got list.'],
    })
  })
})

describe('a birthday', () => {
  it('may be any day there was', async () => {
    for (const birthday of ['2000-02-29', '1900-01-01', '2024-12-31', '0001-01-01']) {
      const { status, body } = await change({ birthday })
      expect([status, body.birthday]).toEqual([200, birthday])
    }
  })

  it('may be no day that never was, nor one written otherwise', async () => {
    const never = ['2023-02-29', '1900-02-29', '2024-02-30', '2024-13-01', '2024-00-10', '2024-01-00', '0000-01-01']
    const short = ['24-01-01', '2024-1-1', '20240101', '2024-W01-1', '2024/01/01', '01-01-2024', '', 'null']
    const long = ['2024-01-01T00:00:00Z', ' 2024-01-01', '2024-01-01\n', '+02024-01-01', '-2024-01-01', '۲۰۰۰-۰۱-۰۱']
    const said = ['Date has wrong format. Use one of these formats instead: YYYY-MM-DD.']
    for (const birthday of [...never, ...short, ...long]) {
      expect([birthday, await faultsOf({ birthday })]).toEqual([birthday, { birthday: said }])
    }
  })

  it('may be today, not tomorrow, by the date in UTC', async () => {
    const dayIn = (shift: number): string => {
      const date = new Date(world.clock.now())
      date.setUTCDate(date.getUTCDate() + shift)
      return date.toISOString().slice(0, 10)
    }
    expect((await change({ birthday: dayIn(0) })).status).toBe(200)
    expect(await faultsOf({ birthday: dayIn(1) })).toEqual({ birthday: ['This date may not be in the future.'] })
    expect(await faultsOf({ birthday: '9999-12-31' })).toEqual({ birthday: ['This date may not be in the future.'] })
    const tomorrow = dayIn(1)
    world.clock.turn(days(1))
    const { body } = await world.signIn(user)
    const later = await world.call('PATCH', '/api/users/me/', { token: body.access, body: { birthday: tomorrow } })
    expect(later.status).toBe(200)
  })
})

describe('a phone number', () => {
  it('is the same however it is written', async () => {
    const plain = ['09123456789', '9123456789', '+989123456789', '00989123456789', ' 0912 345 6789 ', '0912-345-6789']
    const persian = ['۰۹۱۲۳۴۵۶۷۸۹', '+۹۸۹۱۲۳۴۵۶۷۸۹', '۰۰۹۸۹۱۲۳۴۵۶۷۸۹', '٠٩١٢٣٤٥٦٧٨٩', '\u200e+98 912 345 6789\u200e']
    for (const phone of [...plain, ...persian]) {
      const { status, body } = await change({ phone })
      expect([phone, status, body.phone]).toEqual([phone, 200, '+989123456789'])
      await change({ phone: null })
    }
  })

  it('may be of another country, in full', async () => {
    for (const phone of ['+14155552671', '+442071838750']) expect((await change({ phone })).body.phone).toBe(phone)
  })

  it('is nothing else', async () => {
    const short = ['0912345678', '091234567890', '+98912', '+', '-', 'abc', '\0']
    const said = ['Invalid Phone Number, must follow this pattern: +989123456789 or 09123456789']
    for (const phone of [...short, '0912345678a', '09123456789 ext 3', '9'.repeat(41)]) {
      expect([phone, await faultsOf({ phone })]).toEqual([phone, { phone: said }])
    }
  })

  it('may stand unverified with two users', async () => {
    const other = await world.signedInUser()
    for (const { id, access: token } of [user, other]) {
      const body = { phone: '09123456789' }
      expect((await world.call('PATCH', `/api/users/${id}/`, { token, body })).status).toBe(200)
    }
  })
})

it('answers 200 or 400 to whatever a user sends, never a fault of ours', { timeout: 60_000 }, async () => {
  const value = fc.oneof(fc.string({ unit: 'binary', maxLength: 160 }), fc.jsonValue({ maxDepth: 3 }))
  const names = ['phone', 'first_name', 'last_name', 'birthday', 'gender', 'language', 'email'] as const
  const body = fc.dictionary(fc.oneof(fc.constantFrom(...names), fc.string({ maxLength: 20 })), value)
  await fc.assert(
    fc.asyncProperty(body, async (wanted) => {
      const { status, body: answer } = await change(wanted)
      expect([200, 400]).toContain(status)
      if (status === 400 && answer.code === 'parse_error') expect(JSON.stringify(wanted)).toContain('__proto__')
    }),
    { numRuns: 200 },
  )
})
