import type { Fault } from '../../kernel/fault.ts'
import { countCodePoints, isWellFormedText } from '../../kernel/text.ts'
import type { BreachedPasswords } from './breached.ts'
import { isCommonPassword } from './common.ts'

/** `composition`: 8 characters with upper case, lower case and punctuation. `nist`: 15 characters of any kind. */
export type PasswordPolicy = 'composition' | 'nist'

export interface PasswordRules {
  readonly policy: PasswordPolicy
  readonly productName: string
  /** Those the operator imported; undefined where there is no such list. */
  readonly breached?: Pick<BreachedPasswords, 'has'> | undefined
}

/** Whose password it is to be: what a password may not simply repeat. */
export interface PasswordOwner {
  readonly email?: string | undefined
  readonly firstName?: string | undefined
  readonly lastName?: string | undefined
}

// NIST SP 800-63B-4 §3.1.1.2: 15 where a password stands alone, 8 beside a second factor or, here, a composition rule.
const MIN_CODE_POINTS: Readonly<Record<PasswordPolicy, number>> = { composition: 8, nist: 15 }
// Room for every passphrase; beyond it only the server's time would be spent.
const MAX_CODE_POINTS = 128
const MAX_BYTES = 1024

/**
 * Everything that is wrong with a password, at once, in the order people fix it; empty when it may be used. Judged in NFC and
 * counted in code points. Letters and marks of every script count; symbols such as `$` and `+` are punctuation, as in the
 * ASCII set. What a password must not be is compared with it as a whole, whatever its case, never with its parts.
 */
export function faultsOf(password: string, rules: PasswordRules, owner: PasswordOwner): Fault[] {
  const malformed = malformationOf(password)
  if (malformed) return [malformed]
  const normal = password.normalize('NFC')
  const faults: Fault[] = [...lengthFaults(password, normal, MIN_CODE_POINTS[rules.policy])]
  if (rules.policy === 'composition') faults.push(...compositionFaults(normal))
  if (isCommonPassword(normal)) faults.push({ id: 'fault.password_common' })
  else if (rules.breached?.has(password)) faults.push({ id: 'fault.password_breached' })
  if (isPersonal(normal, owner, rules.productName)) faults.push({ id: 'fault.password_personal' })
  return faults
}

function malformationOf(password: string): Fault | undefined {
  if (isWellFormedText(password)) return undefined
  return { id: password.includes('\0') ? 'fault.null_characters' : 'fault.not_a_string' }
}

function lengthFaults(password: string, normal: string, min: number): Fault[] {
  const length = countCodePoints(normal)
  if (length < min) return [{ id: 'fault.password_too_short', values: { min } }]
  const fits = length <= MAX_CODE_POINTS && Buffer.byteLength(password) <= MAX_BYTES
  return fits ? [] : [{ id: 'fault.password_too_long', values: { max: MAX_CODE_POINTS } }]
}

function compositionFaults(normal: string): Fault[] {
  const faults: Fault[] = []
  if (!/\p{Lu}/u.test(normal)) faults.push({ id: 'fault.password_no_upper' })
  if (!/\p{Ll}/u.test(normal)) faults.push({ id: 'fault.password_no_lower' })
  if (!/[\p{P}\p{S}]/u.test(normal)) faults.push({ id: 'fault.password_no_punctuation' })
  return faults
}

function isPersonal(normal: string, owner: PasswordOwner, productName: string): boolean {
  const { email = '', firstName = '', lastName = '' } = owner
  const localPart = email.slice(0, Math.max(0, email.lastIndexOf('@')))
  const fullNames = [firstName + lastName, `${firstName} ${lastName}`, lastName + firstName, `${lastName} ${firstName}`]
  const own = [email, localPart, firstName, lastName, ...fullNames, productName]
  return own.some((text) => text.trim() !== '' && fold(text) === fold(normal))
}

// Up and down again, so that letters with more than one lower-case form (ß and ss, σ and ς) meet in one.
const fold = (text: string): string => text.normalize('NFC').toUpperCase().toLowerCase()
