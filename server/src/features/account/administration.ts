import type { Database } from '../../database/schema.ts'
import type { Act } from '../../kernel/act.ts'
import type { Secret } from '../../kernel/secret.ts'
import { forgetFailures, reopen } from '../attempts/service.ts'
import type { Audit, EventType } from '../audit/service.ts'
import { type FactorRules, usableMethods } from '../factors/service.ts'
import { notify, type NotifyDeps } from '../messages/service.ts'
import { removePasskeys } from '../passkeys/service.ts'
import { removeRecoveryCodes } from '../recovery-codes/service.ts'
import { type EndReason, endAll } from '../sessions/service.ts'
import { removeTotps } from '../totp/service.ts'
import { isLastAdmin, lockUser, update, type User, type UserChanges } from '../users/service.ts'
import { type PasswordMailDeps, sendReset } from './password-mail.ts'
import { voidPassword } from './password-void.ts'

/**
 * What those who run the service do to an account that is not theirs, by the API or at the command line: each puts the act on
 * record and tells the user. All of them take a transaction; wake the messages after it.
 */
export interface AdministrationDeps extends NotifyDeps {
  readonly audit: Audit
  readonly rules: FactorRules
}

/** An absent member stays as it is. */
export interface Standing {
  readonly isActive?: boolean | undefined
  readonly isAdmin?: boolean | undefined
}

export type StandingChange =
  | { readonly kind: 'changed'; readonly user: User; readonly sessions: number }
  | { readonly kind: 'last_admin' | 'gone' }

/** Opens or closes an account, makes an admin or makes one a user again. The last active admin stays one (invariant I6). */
export async function changeStanding(
  db: Database,
  deps: AdministrationDeps,
  { userId, wanted }: { readonly userId: number; readonly wanted: Standing },
  act: Act,
  now: Date,
): Promise<StandingChange> {
  const takesAway = wanted.isActive === false || wanted.isAdmin === false
  // Before the user's own row is locked, as everyone does who locks both.
  if (takesAway && (await isLastAdmin(db, userId))) {
    const type = wanted.isActive === false ? 'deactivated' : 'admin_revoked'
    await deps.audit.record(db, act, { type, userId, result: 'failure', details: { reason: 'last_admin' } }, now)
    return { kind: 'last_admin' }
  }
  const user = await lockUser(db, userId)
  if (!user) return { kind: 'gone' }
  const { changes, events } = differences(user, wanted, now)
  for (const type of events) await deps.audit.record(db, act, { type, userId }, now)
  if (events.length === 0) return { kind: 'changed', user, sessions: 0 }
  const changed = (await update(db, userId, changes)) ?? user
  if (!('deactivatedAt' in changes)) return { kind: 'changed', user: changed, sessions: 0 }
  // When it is opened again too: a sign-in that had begun before it was closed may have ended after.
  const sessions = await endAll(db, userId, 'deactivated', now)
  const kind = changed.deactivatedAt ? 'deactivated_for_you' : 'activated_for_you'
  await notify(db, deps, changed, { kind, facts: {} }, now)
  return { kind: 'changed', user: changed, sessions }
}

function differences(user: User, { isActive, isAdmin }: Standing, now: Date) {
  const changes: UserChanges = {}
  const events: EventType[] = []
  if (isActive !== undefined && isActive !== (user.deactivatedAt === null)) {
    changes.deactivatedAt = isActive ? null : now
    events.push(isActive ? 'activated' : 'deactivated')
  }
  if (isAdmin !== undefined && isAdmin !== (user.adminSince !== null)) {
    changes.adminSince = isAdmin ? now : null
    events.push(isAdmin ? 'admin_granted' : 'admin_revoked')
  }
  return { changes, events }
}

const reasonOf = ({ actor }: Act): EndReason => (actor.kind === 'operator' ? 'ended_by_operator' : 'ended_by_admin')

/** Ends every session and every sign-in that waits; gives how many sessions lived, undefined where there is no such user. */
export async function endSessionsOf(
  db: Database,
  deps: AdministrationDeps,
  userId: number,
  act: Act,
  now: Date,
): Promise<number | undefined> {
  const user = await lockUser(db, userId)
  if (!user) return undefined
  const ended = await endAll(db, userId, reasonOf(act), now)
  await deps.audit.record(db, act, { type: 'sessions_ended', userId, details: { ended } }, now)
  if (ended > 0) await notify(db, deps, user, { kind: 'sessions_ended_for_you', facts: {} }, now)
  return ended
}

/** What can be taken away from someone who lost it; `two_factor` leaves the factors and no longer asks for a second one. */
export const LOST_FACTORS = ['totp', 'passkey', 'recovery_code', 'two_factor'] as const

export type LostFactor = (typeof LOST_FACTORS)[number]

export type FactorRemoval =
  | { readonly kind: 'removed'; readonly user: User; readonly count: number; readonly isTwoFactorOff: boolean }
  /** The user has none of these. */
  | { readonly kind: 'none' | 'gone' }

/**
 * Removes a factor its owner lost. Where two factors are on and nothing would be left to pass the second step, not even a
 * recovery code, they are turned off: what remains is the first factor.
 */
export async function removeLostFactor(
  db: Database,
  deps: AdministrationDeps,
  { userId, factor }: { readonly userId: number; readonly factor: LostFactor },
  act: Act,
  now: Date,
): Promise<FactorRemoval> {
  const user = await lockUser(db, userId)
  if (!user) return { kind: 'gone' }
  const count = await REMOVALS[factor].remove(db, user)
  if (count === 0) return { kind: 'none' }
  const { event } = REMOVALS[factor]
  if (event) {
    await deps.audit.record(db, act, { type: event, userId, details: { count } }, now)
    await notify(db, deps, user, { kind: 'factors_removed_for_you', facts: {} }, now)
  }
  const isOn = user.twoFactorSince !== null
  const isTwoFactorOff = isOn && (factor === 'two_factor' || (await usableMethods(db, deps.rules, user)).length === 0)
  if (!isTwoFactorOff) return { kind: 'removed', user, count, isTwoFactorOff }
  const changed = (await update(db, userId, { twoFactorSince: null })) ?? user
  await deps.audit.record(db, act, { type: 'two_factor_off', userId }, now)
  await notify(db, deps, user, { kind: 'two_factor_off_for_you', facts: {} }, now)
  return { kind: 'removed', user: changed, count, isTwoFactorOff }
}

interface RemovalOf {
  /** How many there were. */
  readonly remove: (db: Database, user: User) => Promise<number>
  readonly event?: EventType
}

const REMOVALS: Readonly<Record<LostFactor, RemovalOf>> = {
  totp: { remove: async (db, { id }) => Number(await removeTotps(db, id)), event: 'totp_removed' },
  passkey: { remove: (db, { id }) => removePasskeys(db, id), event: 'passkey_removed' },
  recovery_code: { remove: (db, { id }) => removeRecoveryCodes(db, id), event: 'recovery_codes_removed' },
  two_factor: { remove: async (_, { twoFactorSince }) => (twoFactorSince === null ? 0 : 1) },
}

export interface Unlocked {
  /** Counters of failed sign-ins. */
  readonly signIns: number
  /** Counters of wrong codes. */
  readonly codes: number
}

/** Forgets the failures that keep a user out; undefined where there is no such user. */
export async function unlockUser(
  db: Database,
  deps: AdministrationDeps & { readonly secret: Secret },
  userId: number,
  act: Act,
  now: Date,
): Promise<Unlocked | undefined> {
  const user = await lockUser(db, userId)
  if (!user) return undefined
  const signIns = await reopen(db, deps.secret, user)
  const codes = await forgetFailures(db, userId)
  await deps.audit.record(db, act, { type: 'unlocked', userId, details: { signIns, codes } }, now)
  if (signIns + codes > 0) await notify(db, deps, user, { kind: 'unlocked_for_you', facts: {} }, now)
  return { signIns, codes }
}

/** Makes the password void, ends every session and mails the way to a new password. False where there is no such user. */
export async function resetForUser(
  db: Database,
  deps: PasswordMailDeps,
  userId: number,
  act: Act,
  now: Date,
): Promise<boolean> {
  const user = await lockUser(db, userId)
  if (!user) return false
  await voidPassword(db, deps, user, act, now, reasonOf(act))
  await sendReset(db, deps, user, act, now)
  await notify(db, deps, user, { kind: 'password_voided_for_you', facts: {} }, now)
  return true
}
