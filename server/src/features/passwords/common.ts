import list from './common-passwords.json' with { type: 'json' }

// Enough that their endings make far more than the 3 000 most common passwords that fit the policy (README.md), and few
// enough that a word people merely know is not taken from them.
const FAVOURITE_COUNT = 500
// Too short or too rare by themselves to stand among the first, but what accounts with forced composition are full of.
const OTHER_FAVOURITES =
  'aa abc abc123 abcd 123456aa admin demo global guest india iran krishna kumar login root tehran user'

const RUNS = '123456789|12345678|1234567|123456|12345|1234|123|12|1'
const NUMBERS = `(?:${RUNS}|(?:19|20)\\d\\d)`
const MARKS = '[!@#$.?*_-]'
// What people put behind a word when a rule asks for a digit and a mark: `!`, `1!`, `@123`, `2024!`, `_1987`.
const USUAL_ENDING = new RegExp(`^(?:${NUMBERS}?${MARKS}|${MARKS}${NUMBERS})$`)
const LONGEST_ENDING = 10

const byRank = list.words.split(' ')
const listed: ReadonlySet<string> = new Set(byRank)
const favourites: ReadonlySet<string> = new Set([...byRank.slice(0, FAVOURITE_COUNT), ...OTHER_FAVOURITES.split(' ')])

/**
 * Whether a password, as a whole and whatever its case, is among the commonly used, expected or leaked ones (NIST SP
 * 800-63B-4 §3.1.1.2, OWASP ASVS 6.2.4): a word of the list; one with look-alikes for letters (`P@$$w0rd`) or with Shift
 * held on its digits (`1qaz@WSX`); a favourite with a usual ending (`Password123!`). Words merely contained do not count.
 */
export function isCommonPassword(password: string): boolean {
  const folded = password.toLowerCase()
  return spellings(folded).some((spelling) => listed.has(spelling)) || isFavouriteWithEnding(folded)
}

function isFavouriteWithEnding(folded: string): boolean {
  for (let length = 1; length <= LONGEST_ENDING && length < folded.length; length += 1) {
    if (!USUAL_ENDING.test(folded.slice(-length))) continue
    if (spellings(folded.slice(0, -length)).some((spelling) => favourites.has(spelling))) return true
  }
  return false
}

const LETTER_OF: Readonly<Record<string, string>> = {
  '@': 'a',
  '4': 'a',
  '3': 'e',
  '0': 'o',
  $: 's',
  '5': 's',
  '7': 't',
}
const SHIFTED_DIGITS = ')!@#$%^&*(' // the digits 0 to 9 with Shift held, on a US keyboard

/** The word itself and what it may stand for. */
function spellings(word: string): string[] {
  const letters = word.replace(/[@430$57]/g, (sign) => LETTER_OF[sign]!)
  const digits = word.replace(/[)!@#$%^&*(]/g, (sign) => String(SHIFTED_DIGITS.indexOf(sign)))
  return [word, digits, letters, letters.replace(/[1!]/g, 'i'), letters.replace(/[1!]/g, 'l')]
}
