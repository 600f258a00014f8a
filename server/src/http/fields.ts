import { z } from 'zod'
import { type Email, type Phone, type Region, parseEmail, parsePhone } from '../kernel/address.ts'
import type { Fault } from '../kernel/fault.ts'
import { toAsciiDigits } from '../kernel/digits.ts'
import { LANGUAGES } from '../kernel/language.ts'
import { isFitForName, withoutInvisible } from '../kernel/text.ts'
import type { TextId } from '../kernel/texts.ts'

/**
 * The fields our bodies are made of. An issue's message is the id of a text (`kernel/texts.ts`), what is to be filled in
 * stands in its `params`; so one schema serves every language. Order and wording of the checks are DRF's.
 */

type RawIssue = { readonly input?: unknown }

/** What DRF says of a member that is absent, null, or of another type. */
export const unless = (wrongType: TextId) => (issue: RawIssue) => {
  if (issue.input === undefined) return 'fault.required'
  return issue.input === null ? 'fault.null' : wrongType
}

/** Adds a fault to a field from a check of ours. */
function addFault(context: z.RefinementCtx, fault: Fault): void {
  context.addIssue({ code: 'custom', message: fault.id, ...(fault.values && { params: { ...fault.values } }) })
}

/** Text as it came: never trimmed (passwords, tokens). Blank, NUL and lone surrogates are faults. */
export const verbatim = () =>
  z
    .string({ error: unless('fault.not_a_string') })
    .superRefine((text, context) => {
      if (text === '') addFault(context, { id: 'fault.blank' })
      refuseUnstorable(text, context)
    })
    .meta({ minLength: 1 })

/**
 * The value of a known device, where it only spares its owner what strangers are asked or counted for: what is none is taken
 * for none, not for a fault.
 */
export const knownDevice = () =>
  z.string().optional().catch(undefined).meta({
    type: 'string',
    description:
      'A value `POST /api/token/` gave: a known device is asked for no proof of work, and its messages are counted apart from those strangers ask for.',
  })

/** Trimmed text that names someone, whether or not anyone has that name. */
export const identifier = () =>
  z
    .string({ error: unless('fault.not_a_string') })
    .trim()
    .superRefine((text, context) => {
      if (text === '') addFault(context, { id: 'fault.blank' })
      refuseUnstorable(text, context)
    })

/** PostgreSQL stores no NUL, UTF-8 no half of a surrogate pair. */
function refuseUnstorable(text: string, context: z.RefinementCtx): void {
  if (text.includes('\0')) addFault(context, { id: 'fault.null_characters' })
  if (!text.isWellFormed()) addFault(context, { id: 'fault.not_a_string' })
}

/** A check for text that is shown as a name, to others too. */
export function fitForName(text: string, context: z.RefinementCtx): void {
  if (!isFitForName(text)) addFault(context, { id: 'fault.invisible_characters' })
}

/** A check for text of at most so many code points. */
export const atMost =
  (max: number) =>
  (text: string, context: z.RefinementCtx): void => {
    if (Array.from(text).length > max) addFault(context, { id: 'fault.max_length', values: { max } })
  }

const NAME_MAX = 150

/** A first or last name: trimmed, may be blank, at most 150 code points, none that hides or turns text around. */
export const name = () =>
  z
    .string({ error: unless('fault.not_a_string') })
    .trim()
    .superRefine(refuseUnstorable)
    .superRefine(fitForName)
    .superRefine(atMost(NAME_MAX))
    .meta({ maxLength: NAME_MAX })

/** An e-mail address, trimmed, as `kernel/address.ts` accepts it. */
export const email = () =>
  z
    .string({ error: unless('fault.not_a_string') })
    .trim()
    .transform((text, context): Email => {
      refuseUnstorable(text, context)
      if (text === '') addFault(context, { id: 'fault.blank' })
      const parsed = parseEmail(text)
      if (parsed === undefined && text !== '' && context.issues.length === 0)
        addFault(context, { id: 'fault.invalid_email' })
      return parsed ?? z.NEVER
    })
    .meta({ format: 'email', example: 'sara@example.com' })

/** A phone number in E.164 or the region's national form, or null. */
export const phone = (region: Region) =>
  z
    .string({ error: unless('fault.not_a_string') })
    .trim()
    .transform((text, context): Phone => {
      const parsed = parsePhone(text, region)
      if (parsed === undefined) addFault(context, { id: text === '' ? 'fault.blank' : 'fault.invalid_phone' })
      return parsed ?? z.NEVER
    })
    .meta({
      description: 'E.164, or as it is dialled at home; Persian and Arabic digits are fine.',
      example: '+989123456789',
    })
    .nullable()

/** `YYYY-MM-DD` of a day that was, or null. `today` is asked at each request. */
export const pastDate = (today: () => Date) =>
  z
    .string({ error: unless('fault.invalid_date') })
    .superRefine((text, context) => {
      if (!isCalendarDate(text)) addFault(context, { id: 'fault.invalid_date' })
      else if (text > today().toISOString().slice(0, 10)) addFault(context, { id: 'fault.date_in_future' })
    })
    .meta({ format: 'date', description: 'A day that was.', examples: ['1995-03-21'] })
    .nullable()

function isCalendarDate(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text) || text.startsWith('0000')) return false
  const date = new Date(`${text}T00:00:00Z`)
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text)
}

/** One of a few words. */
export const choice = <const Choices extends readonly [string, ...string[]]>(choices: Choices) =>
  z.enum(choices, { error: unless('fault.not_a_choice') })

/** `true` or `false`, as JSON has them. */
export const boolean = () => z.boolean({ error: unless('fault.not_a_boolean') })

export const language = () => choice(LANGUAGES).nullable()

/**
 * A one-time code: six digits as a number or as text; spaces and what nobody sees between them, Persian and Arabic digits
 * are fine.
 */
export const sixDigits = () =>
  z
    .union([z.string(), z.number()], { error: unless('fault.invalid_integer') })
    .transform((value, context): string => {
      const digits = toAsciiDigits(withoutInvisible(String(value)))
      if (/^[0-9]{6}$/.test(digits)) return digits
      addFault(context, { id: value === '' ? 'fault.blank' : codeFault(digits) })
      return z.NEVER
    })
    .meta({ description: 'Six digits, as text or as a number.', example: '123456' })

/** DRF's words for what is no number; ours for a number that no code can be. */
const codeFault = (text: string): TextId => (/^-?\d+$/.test(text) ? 'fault.invalid_code' : 'fault.invalid_integer')

/** A code of any kind, to be understood once its kind is known: text, or a number as text. */
export const anyCode = () =>
  z
    .union([z.string(), z.number()], { error: unless('fault.not_a_string') })
    .transform((value, context): string => {
      const text = String(value).trim()
      if (text === '') addFault(context, { id: 'fault.blank' })
      refuseUnstorable(text, context)
      return text
    })
    .meta({ example: '123456' })
