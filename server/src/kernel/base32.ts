import { toAsciiDigits } from './digits.ts'
import type { Random } from './random.ts'
import { withoutInvisible } from './text.ts'

// Crockford's alphabet: no I, L, O, which look like digits, and no U.
const SYMBOLS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

const MISREAD: Readonly<Record<string, string>> = { I: '1', L: '1', O: '0' }

/** So many symbols of Crockford's base32, five bits of chance each: for codes that people type. */
export function randomBase32(random: Random, symbols: number): string {
  // 256 is a multiple of 32, so that every symbol is as likely as any other.
  return Array.from(random.bytes(symbols), (byte) => SYMBOLS.charAt(byte & 31)).join('')
}

/**
 * The symbols of a code as `randomBase32` made it, or undefined when it is none of that many. Either case; spaces, dashes
 * and what nobody sees, anywhere; Persian and Arabic digits; O for 0, I and L for 1: all are forgiven.
 */
export function parseBase32(text: string, symbols: number): string | undefined {
  const typed = toAsciiDigits(withoutInvisible(text))
    .toUpperCase()
    .replace(/\p{Pd}/gu, '')
    .replace(/[ILO]/g, (letter) => MISREAD[letter]!)
  return typed.length === symbols && Array.from(typed).every((symbol) => SYMBOLS.includes(symbol)) ? typed : undefined
}

/** `ABCD-EFGH-JKMN`: how a code is shown. */
export const inFours = (symbols: string): string => symbols.replace(/.{4}(?=.)/g, '$&-')
