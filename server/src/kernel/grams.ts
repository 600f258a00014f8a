import { toAsciiDigits } from './digits.ts'

/*
 * Three code points in a row, by which texts are found that have a term anywhere in them. Whoever changes what folds alike here
 * makes every stored gram anew, by a migration.
 */

const LENGTH = 3

// Both forms of yeh and kaf are on people's keyboards, and a sigma has another form at a word's end. The joiners, marks of
// direction and the dot that `İ` leaves behind are seen by nobody.
const ALIKE: Readonly<Record<string, string>> = { '\u064a': '\u06cc', '\u0643': '\u06a9', '\u03c2': '\u03c3' }
const UNSEEN = /[\u200c-\u200f\u061c]|\u0307/g
const IS_ASCII = /^[\0-\x7f]*$/

/**
 * The grams of each text, all together, each once; none of a text of less than three code points. Folded so that whatever either
 * database takes for the same letter has the same grams: a text has every gram of what is found anywhere in it.
 */
export function gramsOf(texts: readonly string[]): string[] {
  const grams = new Set<string>()
  for (const text of texts) {
    const points = Array.from(folded(text))
    for (let end = LENGTH; end <= points.length; end++) grams.add(points.slice(end - LENGTH, end).join(''))
  }
  return [...grams]
}

const folded = (text: string): string =>
  IS_ASCII.test(text) ? text.toLowerCase() : Array.from(toAsciiDigits(text), foldedPoint).join('').replace(UNSEEN, '')

/** One by one, since what stands beside a letter must not decide what becomes of it. */
function foldedPoint(point: string): string {
  const lower = point.toLowerCase()
  return ALIKE[lower] ?? lower
}
