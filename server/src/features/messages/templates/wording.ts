import type { Language } from '../../../kernel/language.ts'
import { minutes } from '../../../kernel/duration.ts'

/** What every message says about the service that sends it. */
export interface Sender {
  readonly productName: string
  /** An IANA name: the zone that moments are told in. */
  readonly timeZone: string
  /** The host people sign in at: what a code sent by SMS is bound to. */
  readonly host: string
}

const LEFT_TO_RIGHT_ISOLATE = '\u2066'
const FIRST_STRONG_ISOLATE = '\u2068'
const POP_ISOLATE = '\u2069'

/** Keeps a code or an address in one piece and in its own order amid right-to-left text (Unicode UAX #9). */
export const leftToRight = (language: Language, text: string): string =>
  language === 'fa' ? `${LEFT_TO_RIGHT_ISOLATE}${text}${POP_ISOLATE}` : text

// A name that brings some along could close the isolate around it and turn the sentence about.
const DIRECTION_MARKS = /[\u202A-\u202E\u2066-\u2069]/g

/** The same for a name whose direction nobody knows beforehand. */
export function isolated(language: Language, text: string): string {
  const name = text.replace(DIRECTION_MARKS, '')
  return language === 'fa' ? `${FIRST_STRONG_ISOLATE}${name}${POP_ISOLATE}` : name
}

/** Escaped text whose isolates became elements: some mail programs draw the characters as boxes. */
export const isolatesToElements = (escaped: string): string =>
  escaped
    .replaceAll(LEFT_TO_RIGHT_ISOLATE, '<bdi dir="ltr">')
    .replaceAll(FIRST_STRONG_ISOLATE, '<bdi>')
    .replaceAll(POP_ISOLATE, '</bdi>')

const LOCALES: Readonly<Record<Language, string>> = { en: 'en-GB', fa: 'fa-IR' }

const TIME = { hour: '2-digit', minute: '2-digit', timeZoneName: 'short' } as const
const DATE_AND_TIME = { day: 'numeric', month: 'long', year: 'numeric', ...TIME } as const

/** `14:32 GMT+3:30`: enough for what ends within minutes. */
export const timeOfDay = (language: Language, sender: Sender, moment: Date): string =>
  new Intl.DateTimeFormat(LOCALES[language], { ...TIME, timeZone: sender.timeZone }).format(moment)

/** `22 November 2026 at 14:32 GMT+3:30`, in Persian by the Iranian calendar. */
export const dateAndTime = (language: Language, sender: Sender, moment: Date): string =>
  new Intl.DateTimeFormat(LOCALES[language], { ...DATE_AND_TIME, timeZone: sender.timeZone }).format(moment)

/** Whole minutes left, rounded down so that the message never promises more life than the code has. */
export const minutesLeft = (now: Date, expiresAt: Date): number =>
  Math.max(1, Math.floor((expiresAt.getTime() - now.getTime()) / minutes(1)))
