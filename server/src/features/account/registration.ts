import { z } from 'zod'
import type { Database } from '../../database/schema.ts'
import * as fields from '../../http/fields.ts'
import type { Act } from '../../kernel/act.ts'
import type { Email } from '../../kernel/address.ts'
import { type Audit, maskedAddress } from '../audit/service.ts'
import type { Remember } from '../idempotency/service.ts'
import type { Passwords } from '../passwords/service.ts'
import { create, emailColumns, isEmailTaken, type MailboxRule, type User } from '../users/service.ts'
import { emailTaken } from './taken.ts'
import { namesToBegin } from './wire.ts'

export interface RegistrationDeps {
  readonly db: Database
  readonly audit: Audit
  readonly passwords: Passwords
  readonly mailboxes: MailboxRule
}

interface PersonalFields {
  readonly email?: unknown
  readonly password?: unknown
  readonly new_password?: unknown
  readonly first_name?: unknown
  readonly last_name?: unknown
}

export const PASSWORD_RULE = 'At least 8 characters with both cases and a punctuation mark, and no common password.'

/** The body of a registration. Every fault of the password is told beside the faults of the other fields. */
export function registrationBody(passwords: Passwords) {
  const body = z.object({
    email: fields.email(),
    password: fields.verbatim().meta({ description: PASSWORD_RULE, examples: ['Correct-Horse-7'] }),
    ...namesToBegin(),
  })
  return body.superRefine(passwordCheck(passwords, 'password'), { when: () => true }).meta({ id: 'Registration' })
}

/** Tells every fault of the password in this field of a body, as far as the body knows whose it is to be. */
export const passwordCheck =
  (passwords: Passwords, field: 'password' | 'new_password') => (value: PersonalFields, context: z.RefinementCtx) => {
    const { [field]: password, email, first_name: firstName, last_name: lastName } = value
    if (typeof password !== 'string' || password === '') return
    const personal = { email: textOf(email), firstName: textOf(firstName), lastName: textOf(lastName) }
    for (const { id, values } of passwords.faultsOf(password, personal)) {
      context.addIssue({ code: 'custom', path: [field], message: id, params: { ...values } })
    }
  }

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

export interface Newcomer {
  readonly email: Email
  readonly password: string
  readonly first_name: string
  readonly last_name: string
}

/** Makes the account. Refuses with the field's fault when the address or its mailbox is taken, by whoever was first. */
export async function register(
  { db, audit, passwords, mailboxes }: RegistrationDeps,
  newcomer: Newcomer,
  { act, signal, remember }: { readonly act: Act; readonly signal: AbortSignal; readonly remember: Remember<User> },
  now: Date,
): Promise<User> {
  const columns = emailColumns(mailboxes, newcomer.email)
  if (await isEmailTaken(db, columns, now)) throw emailTaken()
  const passwordHash = await passwords.hash(newcomer.password, signal)
  const { email, first_name: firstName, last_name: lastName } = newcomer
  const user = await db.transaction().execute(async (db) => {
    const user = await create(db, { ...columns, passwordHash, firstName, lastName }, now)
    const details = { address: maskedAddress(email) }
    if (!user) return undefined
    await audit.record(db, act, { type: 'registered', userId: user.id, details }, now)
    await remember(db, user)
    return user
  })
  if (!user) throw emailTaken()
  return user
}
