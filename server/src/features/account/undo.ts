import { isUniqueViolation } from '../../database/errors.ts'
import type { Database } from '../../database/schema.ts'
import type { Act } from '../../kernel/act.ts'
import type { Email } from '../../kernel/address.ts'
import { maskedAddress } from '../audit/service.ts'
import { type FactorRules, usableMethods } from '../factors/service.ts'
import { notify } from '../messages/service.ts'
import { type Channel, removeForChannel } from '../otp/service.ts'
import {
  emailColumns,
  lockUser,
  type MailboxRule,
  onFile,
  update,
  type User,
  type UserChanges,
} from '../users/service.ts'
import { type ChangeDeps, hashOfToken } from './changes.ts'
import * as store from './changes-store.ts'
import { removeLeftBehind } from './left-behind.ts'
import { voidPassword } from './password-void.ts'
import { recordPhoneSignInOff } from './phone-sign-in.ts'

export interface UndoDeps extends ChangeDeps {
  readonly mailboxes: MailboxRule
  readonly factorRules: FactorRules
}

export type Undoing =
  /** The change had not been made, and will not be. */
  | { readonly kind: 'cancelled' | 'undone'; readonly channel: Channel }
  /** No such link, or too late, or used: nobody is told which. */
  | { readonly kind: 'invalid' }

/** Undoes a change of address by the token of its link, once. */
export async function undoOnce(
  { db, ...deps }: UndoDeps & { readonly db: Database },
  token: string,
  act: Act,
  now: Date,
): Promise<Undoing> {
  const undoing = await db
    .transaction()
    .execute((db) => undoChange(db, deps, token, act, now))
    .catch(asTooLate)
  deps.codes.messages.wake()
  return undoing
}

/** The 48 hours were over by the clock of another server, and somebody has taken the address. */
function asTooLate(error: unknown): Undoing {
  if (isUniqueViolation(error)) return { kind: 'invalid' }
  throw error
}

async function undoChange(db: Database, deps: UndoDeps, token: string, act: Act, now: Date): Promise<Undoing> {
  const linkHash = hashOfToken(token)
  const userId = await store.ownerOf(db, linkHash)
  // The user before the change, as whoever makes a change does: then neither waits for what the other holds.
  const user = userId === undefined ? undefined : await lockUser(db, userId)
  const change = user && (await store.take(db, linkHash, now))
  if (!change) return { kind: 'invalid' }
  if (change.completedAt === null) await cancel(db, deps, user, change, act, now)
  else await revert(db, deps, user, change, act, now)
  return { kind: change.completedAt === null ? 'cancelled' : 'undone', channel: change.channel }
}

async function cancel(
  db: Database,
  { audit }: UndoDeps,
  user: User,
  { channel }: store.AddressChange,
  act: Act,
  now: Date,
): Promise<void> {
  await update(db, user.id, channel === 'email' ? { pendingEmail: null } : { pendingPhone: null })
  const kept = onFile(user, channel)
  await removeForChannel(db, user.id, channel, kept ? [kept.key] : [])
  await audit.record(db, act, { type: 'address_change_cancelled', userId: user.id, details: { channel } }, now)
}

/**
 * Whoever made the change was not the owner: makes the account what it was when it was begun, as far as that is known, and lets
 * nobody in but by a new password, which only the restored e-mail can be given.
 */
async function revert(
  db: Database,
  deps: UndoDeps,
  before: User,
  change: store.AddressChange,
  act: Act,
  now: Date,
): Promise<void> {
  const since = change.createdAt
  const newer = await store.endWaitingAndSince(db, before.id, since, now)
  // The oldest of each channel: what the newer ones took the place of was itself not the owner's.
  const restored = [change, ...newer].filter(({ completedAt }) => completedAt !== null)
  const changes = {
    ...withoutAdded(before, since),
    ...ofChannel('email', restored, deps),
    ...ofChannel('phone', restored, deps),
  }
  const user = (await update(db, before.id, changes))!
  await removeLeftBehind(db, user.id, since)
  await voidPassword(db, deps, user, act, now, 'change_undone')
  await recordPhoneSignInOff(db, deps, before, act, now)
  const address = maskedAddress(change.oldAddress ?? change.newAddress ?? '')
  const details = { channel: change.channel, address }
  await deps.audit.record(db, act, { type: 'address_change_undone', userId: user.id, details }, now)
  await keepOpenable(db, deps, before, user, act, now)
  const { codes, defaultLanguage } = deps
  const happening = { kind: 'address_change_undone', facts: { address } } as const
  await notify(db, { messages: codes.messages, defaultLanguage }, user, happening, now)
}

/** What the row tells of later than `since`. A number that was proven later goes, unless an older one takes its place. */
const withoutAdded = ({ twoFactorSince, phoneVerifiedAt }: User, since: Date): UserChanges => ({
  pendingEmail: null,
  pendingPhone: null,
  // On since before or not: whoever had the account may have had the phone's messages too, and the owner can turn it on again.
  phoneSignInSince: null,
  ...(twoFactorSince !== null && twoFactorSince >= since && { twoFactorSince: null }),
  ...(phoneVerifiedAt !== null && phoneVerifiedAt >= since && { phone: null, phoneVerifiedAt: null }),
})

function ofChannel(channel: Channel, changes: readonly store.AddressChange[], { mailboxes }: UndoDeps): UserChanges {
  const oldest = changes.find((change) => change.channel === channel)
  if (!oldest) return {}
  const { oldAddress, oldVerifiedAt } = oldest
  if (channel === 'phone') return { phone: oldAddress, phoneVerifiedAt: oldVerifiedAt }
  return { ...emailColumns(mailboxes, oldAddress as Email), emailVerifiedAt: oldVerifiedAt }
}

/** Two factors asked for where none is left would keep the owner out. */
async function keepOpenable(
  db: Database,
  { audit, factorRules }: UndoDeps,
  before: User,
  user: User,
  act: Act,
  now: Date,
): Promise<void> {
  if (before.twoFactorSince === null) return
  if (user.twoFactorSince !== null) {
    if ((await usableMethods(db, factorRules, user)).length > 0) return
    await update(db, user.id, { twoFactorSince: null })
  }
  await audit.record(db, act, { type: 'two_factor_off', userId: user.id }, now)
}
