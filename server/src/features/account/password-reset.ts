import type { Database } from '../../database/schema.ts'
import { type Act, actOf } from '../../kernel/act.ts'
import { parseEmail } from '../../kernel/address.ts'
import type { Fault } from '../../kernel/fault.ts'
import type { Secret } from '../../kernel/secret.ts'
import { reopen } from '../attempts/service.ts'
import { type Audit, maskedAddress } from '../audit/service.ts'
import { notify, type NotifyDeps } from '../messages/service.ts'
import type { Passwords } from '../passwords/service.ts'
import { endAll } from '../sessions/service.ts'
import { findByEmail, findById, lockUser, update, type User } from '../users/service.ts'
import { loseFormerHolder, withoutFormerHolder } from './first-proof.ts'
import { voidWaysIn } from './password-void.ts'
import { consume, findOpen, type PasswordToken, subjectOf } from './password-tokens.ts'

export interface ResetDeps extends NotifyDeps {
  readonly db: Database
  readonly secret: Secret
  readonly audit: Audit
  readonly passwords: Passwords
}

/** What the mail held: the link's token, or the code along with the address it came to. */
export type Shown = { readonly token: string } | { readonly email: string; readonly code: string }

export type Reset =
  | { readonly kind: 'done' }
  /** Wrong, expired, used up, or nobody's: one answer, for the same work. */
  | { readonly kind: 'refused' }
  /** Right, but the password repeats what only the account knows of its owner; nothing was used up. */
  | { readonly kind: 'faulty'; readonly faults: readonly Fault[] }

/**
 * Sets a new password, which the policy allows, by what a mail held; ends every session and signs nobody in. What is wrong is
 * counted against nobody's account. The new password is hashed for a right token alone: time tells of that, as the answer does.
 */
export async function resetPassword(
  deps: ResetDeps,
  { shown, newPassword }: { readonly shown: Shown; readonly newPassword: string },
  act: Act,
  now: Date,
  signal?: AbortSignal,
): Promise<Reset> {
  const { db, passwords, messages } = deps
  const { token, user } = await recognise(deps, shown, now)
  if (!token || !user || !isGood(deps.secret, token, user)) return refuse(deps, act, user, now)
  const faults = passwords.faultsOf(newPassword, user)
  if (faults.length > 0) return { kind: 'faulty', faults }
  const passwordHash = await passwords.hash(newPassword, signal)
  const isDone = await db.transaction().execute((db) => apply(db, deps, { token, passwordHash }, act, now))
  if (!isDone) return refuse(deps, act, user, now)
  messages.wake()
  return { kind: 'done' }
}

interface Recognised {
  readonly token: PasswordToken | undefined
  readonly user: User | undefined
}

async function recognise({ db, secret }: ResetDeps, shown: Shown, now: Date): Promise<Recognised> {
  if ('token' in shown) {
    const token = await findOpen(db, secret, { link: shown.token }, now)
    return { token, user: token && (await findById(db, token.userId)) }
  }
  const email = parseEmail(shown.email)
  const user = email && (await findByEmail(db, email))
  return { token: await findOpen(db, secret, { userId: user?.id, code: shown.code }, now), user }
}

/** A mail sets the password of an account that is open and still has the address the mail went to. */
const isGood = (secret: Secret, token: PasswordToken, user: User): boolean =>
  user.deactivatedAt === null && subjectOf(secret, user.emailKey) === token.subject

async function refuse({ db, audit }: ResetDeps, act: Act, user: User | undefined, now: Date): Promise<Reset> {
  await audit.record(db, act, { type: 'password_reset', result: 'failure', userId: user?.id ?? null }, now)
  return { kind: 'refused' }
}

/** False when another request, or another change of the account, was first. */
async function apply(
  db: Database,
  deps: ResetDeps,
  { token, passwordHash }: { readonly token: PasswordToken; readonly passwordHash: string },
  act: Act,
  now: Date,
): Promise<boolean> {
  const user = await lockUser(db, token.userId)
  if (!user || !isGood(deps.secret, token, user) || !(await consume(db, token.id, now))) return false
  const isFirstProof = user.emailFirstProvenAt === null
  if (isFirstProof) await loseFormerHolder(db, user, now)
  await update(db, user.id, {
    ...(isFirstProof && withoutFormerHolder),
    passwordHash,
    passwordResetAt: now,
    emailVerifiedAt: user.emailVerifiedAt ?? now,
    emailFirstProvenAt: user.emailFirstProvenAt ?? now,
  })
  const ended = await endAll(db, user.id, 'password_reset', now)
  await voidWaysIn(db, user.id, now)
  await reopen(db, deps.secret, user)
  await tell(db, deps, user, { ended, isFirstProof }, actOf(act, user.id), now)
  return true
}

async function tell(
  db: Database,
  deps: ResetDeps,
  user: User,
  { ended, isFirstProof }: { readonly ended: number; readonly isFirstProof: boolean },
  act: Act,
  now: Date,
): Promise<void> {
  const details = { sessions: ended, first_proof: isFirstProof }
  await deps.audit.record(db, act, { type: 'password_reset', userId: user.id, details }, now)
  if (user.emailVerifiedAt === null) {
    const address = { address: maskedAddress(user.email) }
    await deps.audit.record(db, act, { type: 'email_verified', userId: user.id, details: address }, now)
  }
  await notify(db, deps, user, { kind: 'password_was_reset', facts: { ip: act.ip ?? '' } }, now)
}
