import type { Database } from '../../database/schema.ts'
import type { Act } from '../../kernel/act.ts'
import type { Audit } from '../audit/service.ts'
import { notify, type NotifyDeps } from '../messages/service.ts'
import { makeRecoveryCodes, type RecoveryCodeDeps } from '../recovery-codes/service.ts'
import {
  type AppDetails,
  beginTotp,
  confirmTotp,
  findTotp,
  removeTotps,
  type TotpConfirmation,
  type TotpDeps,
} from '../totp/service.ts'
import { lockUser } from '../users/service.ts'
import { whyKeep, type WayInRules } from './last-way-in.ts'

export interface EnrolmentDeps extends NotifyDeps {
  readonly audit: Audit
  readonly totp: TotpDeps
  readonly recoveryCodes: RecoveryCodeDeps
  readonly rules: WayInRules
}

/** Adding a factor needs a verified e-mail: whoever registered with a stranger's address leaves none behind. */
type NotAllowed = { readonly kind: 'email_not_verified' | 'gone' }

export type Beginning = NotAllowed | { readonly kind: 'begun'; readonly app: AppDetails }

/** Takes a transaction, as do all these. */
export async function beginApp(db: Database, { totp }: EnrolmentDeps, userId: number, now: Date): Promise<Beginning> {
  const user = await lockUser(db, userId)
  if (!user) return { kind: 'gone' }
  if (user.emailVerifiedAt === null) return { kind: 'email_not_verified' }
  return { kind: 'begun', app: await beginTotp(db, totp, user, now) }
}

export type CodesMade = { readonly kind: 'made'; readonly recoveryCodes: readonly string[] }

/** Makes the app that waits the user's second factor, and new recovery codes for the day its phone is lost. */
export async function confirmApp(
  db: Database,
  deps: EnrolmentDeps,
  { userId, code }: { readonly userId: number; readonly code: string },
  act: Act,
  now: Date,
): Promise<NotAllowed | CodesMade | { readonly kind: Exclude<TotpConfirmation, 'confirmed'> }> {
  const user = await lockUser(db, userId)
  if (!user) return { kind: 'gone' }
  if (user.emailVerifiedAt === null) return { kind: 'email_not_verified' }
  const confirmation = await confirmTotp(db, deps.totp, userId, code, now)
  if (confirmation !== 'confirmed') return { kind: confirmation }
  await deps.audit.record(db, act, { type: 'totp_added', userId }, now)
  await notify(db, deps, user, { kind: 'totp_added', facts: { ip: act.ip ?? '' } }, now)
  return { kind: 'made', recoveryCodes: await makeRecoveryCodes(db, deps.recoveryCodes, user, act, now) }
}

export type Removal = 'removed' | 'none' | 'gone' | 'last_factor' | 'last_sign_in_method'

/** Removes the user's app, and one that waits to be confirmed with it, unless it is the last way in. */
export async function removeApp(
  db: Database,
  deps: EnrolmentDeps,
  userId: number,
  act: Act,
  now: Date,
): Promise<Removal> {
  const user = await lockUser(db, userId)
  if (!user) return 'gone'
  if (!(await findTotp(db, userId))) return 'none'
  const reason = await whyKeep(db, deps.rules, user, 'totp')
  if (reason) return reason
  await removeTotps(db, userId)
  await deps.audit.record(db, act, { type: 'totp_removed', userId }, now)
  await notify(db, deps, user, { kind: 'totp_removed', facts: { ip: act.ip ?? '' } }, now)
  return 'removed'
}

/** Makes ten new recovery codes; the old ones are void. */
export async function renewRecoveryCodes(
  db: Database,
  deps: EnrolmentDeps,
  userId: number,
  act: Act,
  now: Date,
): Promise<NotAllowed | CodesMade> {
  const user = await lockUser(db, userId)
  if (!user) return { kind: 'gone' }
  if (user.emailVerifiedAt === null) return { kind: 'email_not_verified' }
  const recoveryCodes = await makeRecoveryCodes(db, deps.recoveryCodes, user, act, now)
  await notify(db, deps, user, { kind: 'recovery_codes_made', facts: { ip: act.ip ?? '' } }, now)
  return { kind: 'made', recoveryCodes }
}
