import { parseRegion } from '../kernel/address.ts'
import { kind } from './kinds.ts'
import type { Kind } from './kinds.ts'

/** Text messages cost fractions of a cent: amounts are whole ten-thousandths of a currency's unit. */
const PARTS = 10_000

/** An amount of money; parses to ten-thousandths. */
export const amount: Kind<number> = kind('an amount with at most four decimals, more than 0', (text) => {
  const parts = partsOf(text)
  return parts === 0 ? undefined : parts
})

function partsOf(text: string): number | undefined {
  if (!/^\d{1,9}(?:\.\d{1,4})?$/.test(text)) return undefined
  return Math.round(Number(text) * PARTS)
}

/** `IR=0.01`, `*=0.10`: a country, or all others, and what a message there costs, in ten-thousandths. */
export const price: Kind<readonly [country: string, parts: number]> = kind('a price', (text) => {
  const [, name = '', cost = ''] = /^([^=]+)=([^=]+)$/.exec(text) ?? []
  const country = name === '*' ? name : parseRegion(name)
  const parts = partsOf(cost)
  return country === undefined || parts === undefined ? undefined : [country, parts]
})

/** A currency's code of three letters (ISO 4217), in upper case. Only shown, so that no list of them is kept here. */
export const currency: Kind<string> = kind('a currency code of three letters', (text) =>
  /^[a-z]{3}$/i.test(text) ? text.toUpperCase() : undefined,
)
