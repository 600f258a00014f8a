import { expect, it } from 'vitest'
import { countCodePoints, isWellFormedText } from './text.ts'

it('text with a lone surrogate or a NUL is not well-formed', () => {
  expect(['', 'سلام', '👩‍🚀'].every(isWellFormedText)).toBe(true)
  expect(['\ud800', 'a\udc00b', 'a\0'].some(isWellFormedText)).toBe(false)
})

it('a character outside the basic plane counts once', () => {
  expect(countCodePoints('a👩é')).toBe(3)
  expect(countCodePoints('')).toBe(0)
})
