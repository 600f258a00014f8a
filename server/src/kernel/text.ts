/** No lone surrogate and no U+0000: text that every database, hash and mail can carry unchanged. */
export const isWellFormedText = (text: string): boolean => text.isWellFormed() && !text.includes('\0')

/** How many characters a person would say they typed, near enough: Unicode code points, not UTF-16 units. */
export function countCodePoints(text: string): number {
  let count = 0
  for (const _ of text) count += 1
  return count
}

/**
 * What was typed, without white space and without what nobody sees: control characters (but NUL, which is refused
 * everywhere), marks of direction, zero-width signs. For codes, which carry such things along when they are copied.
 */
export const withoutInvisible = (text: string): string => text.replace(/[\s\p{Cf}]|(?!\0)\p{Cc}/gu, '')

// Control characters but NUL, which has a fault of its own; line and paragraph separators; what embeds, overrides or isolates
// a direction (UAX #9 §2.1, §2.2, §2.4), by which a name could rewrite the text around it; and three that only hide.
// Not U+200C and U+200D, without which Persian and emoji are misspelt; nor U+200E, U+200F and U+061C: these act like one
// letter of their direction and reach no further (UAX #9 §2.6), and names of two scripts need them.
const UNFIT_FOR_NAMES = /(?!\0)\p{Cc}|[\u2028\u2029\u202a-\u202e\u2066-\u2069\u200b\u2060\ufeff]/u

/** Whether a text, shown as a name, stays on its line, in its place and in sight of whoever compares it. */
export const isFitForName = (text: string): boolean => !UNFIT_FOR_NAMES.test(text)
