import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { translate } from '../../kernel/texts.ts'
import { faultsOf } from './policy.ts'
import type { PasswordOwner, PasswordPolicy } from './policy.ts'

function faults(password: string, owner: PasswordOwner = {}, policy: PasswordPolicy = 'composition'): string[] {
  return faultsOf(password, { policy, productName: 'Key Ring 9!' }, owner).map((fault) =>
    fault.id.replace('fault.', ''),
  )
}

describe('a password with composition', () => {
  it.each([
    'A12345678a@',
    'AdminPass123@',
    'Tr0ub4dor&3',
    'aB-cdefg',
    ' Spaces matter! ',
    'Жук-и-жаба',
    'Été à Paris…',
    'Ab$cdefgh',
    '🔑 is My key',
    `Aa!${'x'.repeat(125)}`,
  ])('may be %s', (password) => expect(faults(password)).toEqual([]))

  it.each([
    ['Ab!defg', ['password_too_short']],
    [`Aa!${'x'.repeat(126)}`, ['password_too_long']],
    ['nevernever!', ['password_no_upper']],
    ['NEVERNEVER!', ['password_no_lower']],
    ['NeverNever9', ['password_no_punctuation']],
    ['گذرواژه‌ی من!', ['password_no_upper', 'password_no_lower']],
    ['', ['password_too_short', 'password_no_upper', 'password_no_lower', 'password_no_punctuation']],
    ['dragon', ['password_too_short', 'password_no_upper', 'password_no_punctuation', 'password_common']],
  ])('%j hears every fault at once', (password, ids) => expect(faults(password)).toEqual(ids))

  it('is counted in characters, not in UTF-16 units or in parts of composed letters', () => {
    expect(faults('Ab!🔑🔑🔑🔑')).toEqual(['password_too_short'])
    expect(faults('Ab!🔑🔑🔑🔑🔑')).toEqual([])
    expect(faults('Ab!e\u0301e\u0301e\u0301')).toEqual(['password_too_short'])
    expect(faults(`Ab!${'🔑'.repeat(125)}`)).toEqual([])
  })

  it('has at most 1 KiB even where its characters would fold into 128', () => {
    expect(faults(`Ab!${'\u1112\u1161\u11ab'.repeat(120)}`)).toEqual(['password_too_long'])
  })

  it('takes every mark of the ASCII set for punctuation', () => {
    for (const mark of '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~') expect(faults(`NeverNever${mark}`)).toEqual([])
  })

  it('has no NUL and no lone surrogate', () => {
    expect(faults('Never\0Never!')).toEqual(['null_characters'])
    expect(faults('Never\ud800Never!')).toEqual(['not_a_string'])
  })
})

describe('a password without composition (NIST)', () => {
  it('is long and needs nothing else', () => {
    expect(faults('correct horse ba', {}, 'nist')).toEqual([])
    expect(faults('گذرواژه‌ای بلند برای من', {}, 'nist')).toEqual([])
    expect(faults('Ab!defghijklmn', {}, 'nist')).toEqual(['password_too_short'])
  })

  it('is no common one either', () => {
    expect(faults('passwordpassword', {}, 'nist')).toEqual(['password_common'])
  })
})

describe('a password that repeats its owner', () => {
  const owner = { email: 'Ada.Lovelace@example.com', firstName: 'Augusta Ada!', lastName: 'Straße-9' }

  it.each([
    'aDA.lOVELACE@EXAMPLE.COM',
    'Ada.Lovelace',
    'AUGUSTA ada!',
    'Augusta Ada! Straße-9',
    'strasse-9Augusta Ada!',
    'kEY ring 9!',
  ])('is refused, whatever its case: %s', (password) => expect(faults(password, owner)).toContain('password_personal'))

  it.each(['Ada.Lovelace1', 'xAda.Lovelace@example.com', 'Key Ring 9!!', 'Augusta.Ada!'])(
    'is judged as a whole, not by its parts: %s',
    (password) => expect(faults(password, owner)).not.toContain('password_personal'),
  )

  it('is no matter where nothing is known of the owner', () => {
    expect(faults('', { email: '', firstName: '', lastName: ' ' })).not.toContain('password_personal')
    expect(faults(' ', { firstName: '', lastName: '' })).not.toContain('password_personal')
  })
})

it('says too short and too long in the words clients of Django REST Framework know', () => {
  const [short] = faultsOf('Ab!', { policy: 'composition', productName: 'x' }, {})
  const [long] = faultsOf(`Ab!${'x'.repeat(200)}`, { policy: 'composition', productName: 'x' }, {})
  expect(translate('en', short!.id, short!.values)).toBe('Ensure this field has at least 8 characters.')
  expect(translate('en', long!.id, long!.values)).toBe('Ensure this field has no more than 128 characters.')
})

it('judges two ways of composing one password alike', () => {
  const unit = fc.constantFrom(...'aA1!éÅ한ö😀'.split(''))
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 140 }), (password) => {
      fc.pre(password.isWellFormed())
      expect(faults(password.normalize('NFD'))).toEqual(faults(password.normalize('NFC')))
    }),
  )
})

it('accepts only what keeps every rule', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 12 }), (password) => {
      if (faults(password).length > 0) return
      expect([...password.normalize('NFC')].length).toBeGreaterThanOrEqual(8)
      expect(password).toMatch(/\p{Lu}/u)
      expect(password).toMatch(/\p{Ll}/u)
    }),
    { numRuns: 2000 },
  )
})
