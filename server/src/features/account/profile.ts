import { isUniqueViolation } from '../../database/errors.ts'
import type { Database } from '../../database/schema.ts'
import { type Email, emailKey, type Phone } from '../../kernel/address.ts'
import { type Channel, removeForChannel } from '../otp/service.ts'
import { forgetProofs } from '../sessions/service.ts'
import {
  emailColumns,
  findById,
  isEmailTaken,
  type MailboxRule,
  update,
  type User,
  type UserChanges,
} from '../users/service.ts'

/** What someone asks to change; an absent member stays as it is. */
export interface ProfileChanges {
  readonly email?: Email
  readonly phone?: Phone | null
  readonly first_name?: string
  readonly last_name?: string
  readonly birthday?: string | null
  readonly gender?: 'M' | 'F' | null
  readonly language?: 'en' | 'fa' | null
}

/** By the user, a verified address changes only once the new one is proven; by an admin at once, and unverified. */
export type ChangedBy = 'user' | 'admin'

export type ProfileChange =
  /** `pending` names the channels whose new address now waits for its code. */
  | { readonly kind: 'changed'; readonly user: User; readonly pending: readonly Channel[] }
  | { readonly kind: 'email_taken' }
  | { readonly kind: 'gone' }

/** Changes a user's own record. Takes a transaction. */
export async function changeProfile(
  db: Database,
  mailboxes: MailboxRule,
  { userId, by }: { userId: number; by: ChangedBy },
  wanted: ProfileChanges,
): Promise<ProfileChange> {
  const user = await findById(db, userId)
  if (!user) return { kind: 'gone' }
  const changes: UserChanges = plainChanges(wanted)
  if (wanted.email !== undefined) {
    const email = await emailChange(db, mailboxes, user, wanted.email, by)
    if (email === 'taken') return { kind: 'email_taken' }
    Object.assign(changes, email)
  }
  if (wanted.phone !== undefined) Object.assign(changes, phoneChange(user, wanted.phone, by))
  const changed = Object.keys(changes).length === 0 ? user : await update(db, userId, changes)
  if (!changed) return { kind: 'gone' }
  await forgetFormerAddresses(db, changed, changes)
  return { kind: 'changed', user: changed, pending: pendingIn(changes) }
}

/** The database's own word that another request took the address first. To be asked once the transaction is undone. */
export const asTaken = (error: unknown): ProfileChange => {
  if (isUniqueViolation(error)) return { kind: 'email_taken' }
  throw error
}

function plainChanges({ first_name, last_name, birthday, gender, language }: ProfileChanges): UserChanges {
  return {
    ...(first_name !== undefined && { firstName: first_name }),
    ...(last_name !== undefined && { lastName: last_name }),
    ...(birthday !== undefined && { birthday }),
    ...(gender !== undefined && { gender }),
    ...(language !== undefined && { language }),
  }
}

async function emailChange(
  db: Database,
  mailboxes: MailboxRule,
  user: User,
  email: Email,
  by: ChangedBy,
): Promise<UserChanges | 'taken'> {
  const columns = emailColumns(mailboxes, email)
  // The same address in another spelling is no change of address.
  if (columns.emailKey === user.emailKey) return { email, pendingEmail: null }
  if (await isEmailTaken(db, columns, user.id)) return 'taken'
  if (mustWait(user, 'email', by)) return { pendingEmail: email }
  return { ...columns, emailVerifiedAt: null, pendingEmail: null }
}

function phoneChange(user: User, phone: Phone | null, by: ChangedBy): UserChanges {
  if (phone === user.phone) return { pendingPhone: null }
  if (phone !== null && mustWait(user, 'phone', by)) return { pendingPhone: phone }
  return { phone, phoneVerifiedAt: null, pendingPhone: null }
}

const mustWait = (user: User, channel: Channel, by: ChangedBy): boolean =>
  by === 'user' && (channel === 'email' ? user.emailVerifiedAt : user.phoneVerifiedAt) !== null

/** The channels whose new address would have to wait for a code. */
export function channelsToWait(user: User, { email, phone }: ProfileChanges, by: ChangedBy): Channel[] {
  const waits: Channel[] = []
  if (email !== undefined && emailKey(email) !== user.emailKey && mustWait(user, 'email', by)) waits.push('email')
  if (phone && phone !== user.phone && mustWait(user, 'phone', by)) waits.push('phone')
  return waits
}

const pendingIn = (changes: UserChanges): Channel[] => [
  ...(changes.pendingEmail ? (['email'] as const) : []),
  ...(changes.pendingPhone ? (['phone'] as const) : []),
]

/** A code proves the address it went to and nothing else, and so does what a session has proven. */
async function forgetFormerAddresses(db: Database, user: User, changes: UserChanges): Promise<void> {
  if ('pendingEmail' in changes) await removeForChannel(db, user.id, 'email', addressesOf(user, 'email'))
  if ('pendingPhone' in changes) await removeForChannel(db, user.id, 'phone', addressesOf(user, 'phone'))
  if ('emailKey' in changes) await forgetProofs(db, user.id, 'email')
  if ('phone' in changes) await forgetProofs(db, user.id, 'phone')
}

/** The addresses of a channel that a code may prove: the one on file and the one that waits to take its place. */
function addressesOf(user: User, channel: Channel): string[] {
  if (channel === 'phone') return [user.phone, user.pendingPhone].filter((phone) => phone !== null)
  return [user.emailKey, ...(user.pendingEmail === null ? [] : [emailKey(user.pendingEmail as Email)])]
}
