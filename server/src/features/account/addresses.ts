import { type Email, emailKey, type Phone } from '../../kernel/address.ts'
import type { Channel } from '../otp/service.ts'
import { emailColumns, type MailboxRule, type User, type UserChanges, verifiedAt } from '../users/service.ts'
import type { Completion } from './changes.ts'

/** By the user, a verified address changes only once the new one is proven; by an admin at once, and unverified. */
export type ChangedBy = 'user' | 'admin'

/** What becomes of an address that somebody sets. */
export type Step = {
  readonly channel: Channel
  /** What it makes of the user's row. */
  readonly changes: UserChanges
} &
  /** The same address, perhaps in another spelling; what waited to take its place is taken back. */
  (
    | { readonly kind: 'same' }
    /** The new address waits for its code. */
    | { readonly kind: 'wait'; readonly to: string }
    | { readonly kind: 'at_once'; readonly to: string | null; readonly completion: Completion }
  )

/** What an operator decides of changing addresses. */
export interface AddressRules {
  readonly mailboxes: MailboxRule
  /** Nobody is told that an e-mail address is taken, so that every change by a user waits for its code. */
  readonly isNeutral: boolean
}

/** What setting these addresses comes to, for this user and by whom it is done. */
export function stepsOf(
  rules: AddressRules,
  user: User,
  { email, phone }: { readonly email?: Email; readonly phone?: Phone | null },
  by: ChangedBy,
): Step[] {
  return [
    ...(email === undefined ? [] : [emailStep(rules, user, email, by)]),
    ...(phone === undefined ? [] : [phoneStep(user, phone, by)]),
  ]
}

function emailStep({ mailboxes, isNeutral }: AddressRules, user: User, email: Email, by: ChangedBy): Step {
  const channel = 'email'
  if (emailKey(email) === user.emailKey) return { kind: 'same', channel, changes: { email, pendingEmail: null } }
  if (by === 'user' && (user.emailVerifiedAt || isNeutral))
    return { kind: 'wait', channel, to: email, changes: { pendingEmail: email } }
  const changes = { ...emailColumns(mailboxes, email), emailVerifiedAt: null, pendingEmail: null }
  return { kind: 'at_once', channel, to: email, completion: 'email_changed', changes }
}

function phoneStep(user: User, phone: Phone | null, by: ChangedBy): Step {
  const channel = 'phone'
  if (phone === user.phone) return { kind: 'same', channel, changes: { pendingPhone: null } }
  if (phone !== null && by === 'user' && user.phoneVerifiedAt) {
    return { kind: 'wait', channel, to: phone, changes: { pendingPhone: phone } }
  }
  const changes = { phone, phoneVerifiedAt: null, pendingPhone: null, phoneSignInSince: null }
  return {
    kind: 'at_once',
    channel,
    to: phone,
    completion: phone === null ? 'phone_removed' : 'phone_changed',
    changes,
  }
}

/**
 * Whether this could hand the account over or lock somebody out: another e-mail, or another phone in place of one that is set.
 * A first phone could do neither, unless it would at once be a second factor.
 */
export const isSensitive = (user: User, steps: readonly Step[]): boolean =>
  steps.some(({ kind, channel }) => {
    if (kind === 'same') return false
    return channel === 'email' || user.phone !== null || user.twoFactorSince !== null
  })

/** The verified addresses that would be gone, or no longer verified. */
export const channelsLost = (user: User, steps: readonly Step[]): Channel[] =>
  steps
    .filter(({ kind }) => kind === 'at_once')
    .map(({ channel }) => channel)
    .filter((channel) => verifiedAt(user, channel) !== null)
