import type { Database } from '../../database/schema.ts'
import type { Act } from '../../kernel/act.ts'
import type { Email } from '../../kernel/address.ts'
import type { Language } from '../../kernel/language.ts'
import type { Remember } from '../idempotency/service.ts'
import { NO_PASSWORD } from '../passwords/service.ts'
import { create, emailColumns, isEmailTaken, type MailboxRule, update, type User } from '../users/service.ts'
import { type PasswordMailDeps, sendInvitation } from './password-mail.ts'

export interface InvitationDeps extends PasswordMailDeps {
  readonly db: Database
  readonly mailboxes: MailboxRule
}

export interface Invited {
  readonly email: Email
  readonly first_name: string
  readonly last_name: string
  readonly language?: Language | null | undefined
}

/** Makes an account without a password and mails its owner how to set one; undefined when the address is taken. */
export async function invite(
  deps: InvitationDeps,
  invited: Invited,
  { act, remember }: { readonly act: Act; readonly remember: Remember<User> },
  now: Date,
): Promise<User | undefined> {
  const { email, first_name: firstName, last_name: lastName, language = null } = invited
  const columns = emailColumns(deps.mailboxes, email)
  if (await isEmailTaken(deps.db, columns, now)) return undefined
  const user = await deps.db.transaction().execute(async (db) => {
    const made = await create(db, { ...columns, passwordHash: NO_PASSWORD, firstName, lastName }, now)
    const user = made && (await update(db, made.id, { language }))
    if (!user) return undefined
    await sendInvitation(db, deps, user, act, now)
    await remember(db, user)
    return user
  })
  deps.messages.wake()
  return user
}
