import { z } from 'zod'
import type { Database } from '../../database/schema.ts'
import * as fields from '../../http/fields.ts'
import type { Email } from '../../kernel/address.ts'
import type { Passwords } from '../passwords/service.ts'
import { create, emailColumns, isEmailTaken, type MailboxRule, type User } from '../users/service.ts'
import { emailTaken } from './taken.ts'

export interface RegistrationDeps {
  readonly db: Database
  readonly passwords: Passwords
  readonly mailboxes: MailboxRule
}

interface PersonalFields {
  readonly email?: unknown
  readonly password?: unknown
  readonly first_name?: unknown
  readonly last_name?: unknown
}

const PASSWORD_RULE = 'At least 8 characters with both cases and a punctuation mark, and no common password.'

/** The body of a registration. Every fault of the password is told beside the faults of the other fields. */
export function registrationBody(passwords: Passwords) {
  const body = z.object({
    email: fields.email(),
    password: fields.verbatim().meta({ description: PASSWORD_RULE, examples: ['Correct-Horse-7'] }),
    first_name: fields
      .name()
      .meta({ examples: ['Sara'] })
      .default(''),
    last_name: fields
      .name()
      .meta({ examples: ['Karimi'] })
      .default(''),
  })
  return body.superRefine(passwordCheck(passwords), { when: () => true }).meta({ id: 'Registration' })
}

const passwordCheck = (passwords: Passwords) => (value: PersonalFields, context: z.RefinementCtx) => {
  const { password, email, first_name: firstName, last_name: lastName } = value
  if (typeof password !== 'string' || password === '') return
  const personal = { email: textOf(email), firstName: textOf(firstName), lastName: textOf(lastName) }
  for (const { id, values } of passwords.faultsOf(password, personal)) {
    context.addIssue({ code: 'custom', path: ['password'], message: id, params: { ...values } })
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
  { db, passwords, mailboxes }: RegistrationDeps,
  newcomer: Newcomer,
  now: Date,
  signal?: AbortSignal,
): Promise<User> {
  const columns = emailColumns(mailboxes, newcomer.email)
  if (await isEmailTaken(db, columns)) throw emailTaken()
  const passwordHash = await passwords.hash(newcomer.password, signal)
  const { first_name: firstName, last_name: lastName } = newcomer
  const user = await create(db, { ...columns, passwordHash, firstName, lastName }, now)
  if (!user) throw emailTaken()
  return user
}
