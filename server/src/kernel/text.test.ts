import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { countCodePoints, isFitForName, isWellFormedText, withoutInvisible } from './text.ts'

it('text with a lone surrogate or a NUL is not well-formed', () => {
  expect(['', 'سلام', '👩‍🚀'].every(isWellFormedText)).toBe(true)
  expect(['\ud800', 'a\udc00b', 'a\0'].some(isWellFormedText)).toBe(false)
})

it('a character outside the basic plane counts once', () => {
  expect(countCodePoints('a👩é')).toBe(3)
  expect(countCodePoints('')).toBe(0)
})

const between = (first: number, last: number): string[] =>
  Array.from({ length: last - first + 1 }, (_, index) => String.fromCodePoint(first + index))

const BIDI_CONTROLS = [...between(0x202a, 0x202e), ...between(0x2066, 0x2069)]
const CONTROLS = [...between(0x01, 0x1f), ...between(0x7f, 0x9f)]
const REFUSED = [...CONTROLS, ...BIDI_CONTROLS, '\u200b', '\u2060', '\ufeff', '\u2028', '\u2029']
const JOINERS_AND_MARKS = ['\u200c', '\u200d', '\u200e', '\u200f', '\u061c']

const visible = fc.string({ unit: 'grapheme' }).filter((text) => !/[\p{Cc}\p{Cf}\u2028\u2029]/u.test(text))

describe('a name', () => {
  it('has no character that controls, hides or turns text around, wherever it stands', () => {
    fc.assert(
      fc.property(visible, fc.constantFrom(...REFUSED), visible, (before, character, after) => {
        expect(isFitForName(before + character + after)).toBe(false)
      }),
      { numRuns: 2000 }, // each of them, and more than once
    )
  })

  it('may have whatever people write, with the joiners of Persian and emoji and the marks of one direction', () => {
    const unit = fc.oneof(fc.constantFrom(...JOINERS_AND_MARKS), visible)
    fc.assert(
      fc.property(fc.array(unit), (parts) => {
        expect(isFitForName(parts.join(''))).toBe(true)
      }),
    )
    expect(['علی\u200cرضا', '👩‍🚀', 'سارا \u200eJones\u200f', '🏴󠁧󠁢󠁥󠁮󠁧󠁿'].every(isFitForName)).toBe(true)
  })
})

describe('without what nobody sees, a code', () => {
  const unseen = fc.constantFrom(...REFUSED, ...JOINERS_AND_MARKS, ' ', '\u00a0', '\u3000', '\u00ad')

  it('is what was typed, wherever such characters stand', () => {
    const noise = fc.string({ unit: unseen, maxLength: 4 })
    fc.assert(
      fc.property(
        fc.array(fc.tuple(noise, fc.constantFrom(...'0123456789ABXYZ-۴٤'.split('')))),
        noise,
        (pairs, end) => {
          expect(withoutInvisible(pairs.flat().join('') + end)).toBe(pairs.map(([, symbol]) => symbol).join(''))
        },
      ),
    )
  })

  it('keeps NUL, which is refused and not forgiven', () => {
    expect(withoutInvisible('1\u00002')).toBe('1\u00002')
  })
})
