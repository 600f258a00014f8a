import { days, hours, minutes, seconds } from '../kernel/duration.ts'
import type { Duration } from '../kernel/duration.ts'
import type { Rate } from '../ports/limiter/port.ts'

/** The value, or the piece of the text at fault: of a list the one item, else the whole. */
export type Parsed<T> = { readonly value: T } | { readonly wrong: string }

/** What a setting may say. `rule` completes "must be …". */
export interface Kind<T> {
  readonly rule: string
  parse(text: string): Parsed<T>
}

/** A kind from a parser that answers undefined when the text breaks the rule. */
export function kind<T>(rule: string, parse: (text: string) => T | undefined): Kind<T> {
  return {
    rule,
    parse: (text) => {
      const value = parse(text)
      return value === undefined ? { wrong: text } : { value }
    },
  }
}

export const pattern = (rule: string, expression: RegExp): Kind<string> =>
  kind(rule, (text) => (expression.test(text) ? text : undefined))

/** One of some words, in any case; the word as we write it comes back. */
export function choice<const T extends string>(...words: readonly T[]): Kind<T> {
  const rule = words.length === 1 ? words.join() : `one of ${words.join(', ')}`
  return kind(rule, (text) => words.find((word) => word.toLowerCase() === text.toLowerCase()))
}

// Django's spellings (django-environ) and those people write; a word of neither list is refused, never taken for false.
const TRUE = ['true', '1', 'yes', 'on', 'y', 't', 'ok']
const FALSE = ['false', '0', 'no', 'off', 'n', 'f']

export const boolean: Kind<boolean> = kind('true or false (also 1, 0, yes, no, on, off)', (text) => {
  const word = text.toLowerCase()
  if (TRUE.includes(word)) return true
  return FALSE.includes(word) ? false : undefined
})

export const wholeNumber = (min: number, max: number): Kind<number> =>
  kind(`a whole number from ${min} to ${max}`, (text) => parseWithin(text, min, max))

/** A whole number of a fixed unit, for settings whose name carries the unit. */
export const wholeNumberOf = (unit: (count: number) => Duration, min: number, max: number): Kind<Duration> =>
  kind(`a whole number from ${min} to ${max}`, (text) => {
    const count = parseWithin(text, min, max)
    return count === undefined ? undefined : unit(count)
  })

function parseWithin(text: string, min: number, max: number): number | undefined {
  if (!/^\d{1,9}$/.test(text)) return undefined
  const number = Number(text)
  return number >= min && number <= max ? number : undefined
}

const UNITS: readonly { readonly names: readonly string[]; readonly of: (count: number) => Duration }[] = [
  { names: ['s', 'sec', 'second', 'seconds'], of: seconds },
  { names: ['m', 'min', 'minute', 'minutes'], of: minutes },
  { names: ['h', 'hour', 'hours'], of: hours },
  { names: ['d', 'day', 'days'], of: days },
]

const unitNamed = (name: string) => UNITS.find(({ names }) => names.includes(name.toLowerCase()))?.of

/** `15m`, `7d`, `1h`, or bare seconds; both ends included. Fractions are refused. */
export function duration(min: string, max: string): Kind<Duration> {
  const shortest = parseDuration(min)!
  const longest = parseDuration(max)!
  return kind(`a length of time from ${min} to ${max} (s, m, h, d, or whole seconds)`, (text) => {
    const length = parseDuration(text)
    return length !== undefined && length >= shortest && length <= longest ? length : undefined
  })
}

/** The same, or `off`, which parses to undefined. */
export function durationOrOff(min: string, max: string): Kind<Duration | undefined> {
  const on = duration(min, max)
  return {
    rule: `${on.rule}, or off`,
    parse: (text) => (text.toLowerCase() === 'off' ? { value: undefined } : on.parse(text)),
  }
}

function parseDuration(text: string): Duration | undefined {
  const [, count, unit = ''] = /^(\d{1,9})\s*([a-z]*)$/i.exec(text) ?? []
  return count === undefined ? undefined : unitNamed(unit || 's')?.(Number(count))
}

/** `100/day`, `5/min`. */
export const rateAlone: Kind<Rate> = {
  rule: 'so many a period, such as 100/day, 20/hour, 5/min or 2/s',
  parse(text) {
    const [, count, unit = ''] = /^([1-9]\d{0,6})\s*\/\s*([a-z]+)$/i.exec(text) ?? []
    const period = unitNamed(unit)?.(1)
    return count === undefined || period === undefined ? { wrong: text } : { value: { quota: Number(count), period } }
  },
}

/** The same, or `off`, which parses to undefined. */
export const rate: Kind<Rate | undefined> = {
  rule: `${rateAlone.rule}, or off`,
  parse: (text) => (text.toLowerCase() === 'off' ? { value: undefined } : rateAlone.parse(text)),
}

// As Python writes a list. `[::1]` is none: a list of this form has quotes or a star inside.
const BRACKETED = /^\[(\s*(?:['"].*['"]|\*)\s*)\]$/

/** Separated by commas or spaces, or written as a Python list. Empty items are passed over, repeated ones kept once. */
export function list<T>(rule: string, item: Kind<T>): Kind<readonly T[]> {
  return {
    rule,
    parse(text) {
      const values = new Set<T>()
      for (const piece of (BRACKETED.exec(text)?.[1] ?? text).split(/[\s,]+/)) {
        const word = unquote(piece)
        if (word === '') continue
        const parsed = item.parse(word)
        if ('wrong' in parsed) return parsed
        values.add(parsed.value)
      }
      return values.size === 0 ? { wrong: text } : { value: [...values] }
    },
  }
}

/** Without the quotes around it: `docker --env-file` passes them on as part of the value. */
export const unquote = (text: string): string => /^(['"])(.*)\1$/s.exec(text)?.[2] ?? text
