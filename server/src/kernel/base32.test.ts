import { describe, expect, it } from 'vitest'
import { inFours, parseBase32, randomBase32 } from './base32.ts'
import { type Random, systemRandom } from './random.ts'

const counting: Random = { ...systemRandom, bytes: (count) => Uint8Array.from({ length: count }, (_, index) => index) }

describe('a code in base32', () => {
  it('is made of the 32 symbols that are not mistaken for one another, each as likely', () => {
    expect(randomBase32(counting, 32)).toBe('0123456789ABCDEFGHJKMNPQRSTVWXYZ')
    expect(randomBase32(counting, 256)).toBe(randomBase32(counting, 32).repeat(8))
  })

  it('is new each time', () => {
    expect(randomBase32(systemRandom, 16)).not.toBe(randomBase32(systemRandom, 16))
  })

  it('is shown in groups of four', () => {
    expect(inFours('ABCDEFGHJKMNPQRS')).toBe('ABCD-EFGH-JKMN-PQRS')
    expect(inFours('ABCDEFGHJKMN')).toBe('ABCD-EFGH-JKMN')
  })

  it('is read as it was made', () => {
    const code = randomBase32(systemRandom, 16)
    expect(parseBase32(inFours(code), 16)).toBe(code)
  })

  it.each([
    ['in small letters', 'abcd-efgh-jkmn'],
    ['without dashes', 'ABCDEFGHJKMN'],
    ['with spaces and a line end', ' ABCD EFGH JKMN\n'],
    ['with a dash of another kind', 'ABCD–EFGH—JKMN'],
    ['between marks of direction', '\u2066ABCD-EFGH\u200c-JKMN\u2069'],
    ['with whatever else nobody sees', '\ufeff\u202aABCD\u200b-\u2060EFGH\u00ad-\u0085JK\tMN\u202c'],
  ])('is read %s', (_, typed) => {
    expect(parseBase32(typed, 12)).toBe('ABCDEFGHJKMN')
  })

  it('is read with letters for the digits they look like, and with Persian and Arabic digits', () => {
    expect(parseBase32('oOiI lL۲٣', 8)).toBe('00111123')
  })

  it.each(['', 'ABCD', 'ABCD-EFGH-JKMN-P', 'ABCD-EFGH-JKMU', 'ABCD-EFGH-JKM!', 'ABCD-EFGH-JKMé', 'ABCD-EFGH-JKM\0'])(
    'is not %j',
    (typed) => {
      expect(parseBase32(typed, 12)).toBeUndefined()
    },
  )
})
