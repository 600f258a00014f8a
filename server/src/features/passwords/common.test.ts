import { describe, expect, it } from 'vitest'
import list from './common-passwords.json' with { type: 'json' }
import { isCommonPassword } from './common.ts'

// What fits upper case, lower case and punctuation among the 200 most used passwords published for 2023, 2024 and 2025.
const MOST_USED_THAT_FIT = `
  P@ssw0rd Pass@123 Aa@123456 Admin@123 Abcd@1234 Pass@1234 Password@123 Demo@123 Welcome@123 Test@123 Global123@
  India@123 Abcd@123 123456aA@ Abc@1234 Abc@12345 Pass@12345 Aa@12345 Aa@1234567 Admin@1234 Qwerty@123 Aa@123456789
  Abcd1234@ P@$$w0rd Password@1 P@55w0rd Qwerty123! Qwerty1! Qwerty1? Qwerty123? Aa123456@ Kumar@123`
  .trim()
  .split(/\s+/)

describe('a common password', () => {
  it('is each of the most used that fit the policy', () => {
    expect(MOST_USED_THAT_FIT.filter((password) => !isCommonPassword(password))).toEqual([])
  })

  it.each([
    'Password1!',
    'pa$$w0rd',
    '1qaz@WSX',
    '!QAZ2wsx',
    'ZAQ!2wsx',
    'Summer2024!',
    'L3tm31n!',
    'iLoveYou_1',
    'DRAGON',
    'abc123',
  ])('is %s, whatever its case and whatever stands for its letters', (password) =>
    expect(isCommonPassword(password)).toBe(true),
  )

  it.each([
    'A12345678a@',
    'AdminPass123@',
    'my dragon sleeps',
    'Password-of-Ada',
    'xDragon1!',
    'Dragon1!x',
    'Dragon4821!',
    '',
    ' ',
  ])('is not %j, since words it contains do not count', (password) => expect(isCommonPassword(password)).toBe(false))

  it('is one of far more than 3 000 that fit the policy (OWASP ASVS 6.2.4)', () => {
    const favourites = list.words.split(' ', 500)
    const endings = ['!', '1!', '12!', '123!', '1234@', '@1', '@12', '@123', '@1234', '#123', '2024!', '@1987']
    const families = favourites.flatMap((word) => endings.map((ending) => word + ending))
    const capitalised = families.map((word) => word.replace(/[a-z]/, (letter) => letter.toUpperCase()))
    const fit = capitalised.filter((word) => /^(?=.*[A-Z])(?=.*[a-z])(?=.*[^a-zA-Z0-9]).{8,}$/.test(word))
    expect(new Set(fit.filter(isCommonPassword)).size).toBeGreaterThan(3000)
  })
})

it('the list has tens of thousands of words, each once, lower-case and without spaces', () => {
  const words = list.words.split(' ')
  expect(words.length).toBeGreaterThan(50_000)
  expect(new Set(words).size).toBe(words.length)
  expect(words.every((word) => word === word.normalize('NFC').toLowerCase() && /^[!-~]+$/.test(word))).toBe(true)
})
