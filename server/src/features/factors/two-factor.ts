import type { Database } from '../../database/schema.ts'
import type { Act } from '../../kernel/act.ts'
import type { Audit } from '../audit/service.ts'
import { notify, type NotifyDeps } from '../messages/service.ts'
import { makeRecoveryCodes, type RecoveryCodeDeps } from '../recovery-codes/service.ts'
import { endOthers, findSession } from '../sessions/service.ts'
import { lockUser, update, type User } from '../users/service.ts'
import { possessionsOf, waysIn, type WayInRules } from './last-way-in.ts'
import { factorsAmong, type Method, usableMethods } from './methods.ts'

export interface TwoFactorDeps extends NotifyDeps {
  readonly audit: Audit
  readonly recoveryCodes: RecoveryCodeDeps
  readonly rules: WayInRules
}

export type TurningOn =
  | { readonly kind: 'on'; readonly recoveryCodes: readonly string[] }
  | { readonly kind: 'on_already' }
  | { readonly kind: 'email_not_verified' | 'no_usable_factor' | 'gone' }

/** Who asks, by which of his sessions. */
export interface Asker {
  readonly userId: number
  readonly sessionId: string
}

/**
 * From now on a first factor alone opens nothing: ends every other session that has not passed a second one and every sign-in
 * that waits, and makes recovery codes. Of several at once one does it, the others find it done. Takes a transaction.
 */
export async function turnOn(
  db: Database,
  deps: TwoFactorDeps,
  { userId, sessionId }: Asker,
  act: Act,
  now: Date,
): Promise<TurningOn> {
  const user = await lockUser(db, userId)
  if (!user) return { kind: 'gone' }
  if (user.twoFactorSince !== null) return { kind: 'on_already' }
  if (user.emailVerifiedAt === null) return { kind: 'email_not_verified' }
  // A reset of the time when one factor was enough says nothing against the mailbox as the second.
  const changes = { twoFactorSince: now, passwordResetAt: null }
  if (!(await wouldLetIn(db, deps, { ...user, ...changes }))) return { kind: 'no_usable_factor' }
  await update(db, userId, changes)
  const others = { userId, exceptId: sessionId, onlyWithoutFactor: true }
  const ended = await endOthers(db, others, 'two_factor_on', now)
  await deps.audit.record(db, act, { type: 'two_factor_on', userId, details: { ended } }, now)
  await notify(db, deps, user, { kind: 'two_factor_on', facts: { ip: act.ip ?? '' } }, now)
  return { kind: 'on', recoveryCodes: await makeRecoveryCodes(db, deps.recoveryCodes, user, act, now) }
}

/** A factor that is the only first step as well would leave its owner outside. */
async function wouldLetIn(db: Database, { rules }: TwoFactorDeps, user: User): Promise<boolean> {
  const has = await possessionsOf(db, user)
  return factorsAmong(has, rules, user).length > 0 && waysIn(has, rules, user).length > 0
}

export type TurningOff =
  | { readonly kind: 'off' | 'off_already' | 'gone' }
  /** The session has not passed a second factor: one of these first. */
  | { readonly kind: 'second_factor_required'; readonly methods: readonly Method[] }

/** From now on a first factor is enough. Needs a session that passed a second one. Takes a transaction. */
export async function turnOff(
  db: Database,
  deps: TwoFactorDeps,
  { userId, sessionId }: Asker,
  act: Act,
  now: Date,
): Promise<TurningOff> {
  const user = await lockUser(db, userId)
  if (!user) return { kind: 'gone' }
  if (user.twoFactorSince === null) return { kind: 'off_already' }
  if ((await findSession(db, sessionId))?.acr !== 'aal2') {
    return { kind: 'second_factor_required', methods: await usableMethods(db, deps.rules, user) }
  }
  await update(db, userId, { twoFactorSince: null })
  await deps.audit.record(db, act, { type: 'two_factor_off', userId }, now)
  await notify(db, deps, user, { kind: 'two_factor_off', facts: { ip: act.ip ?? '' } }, now)
  return { kind: 'off' }
}
