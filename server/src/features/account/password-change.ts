import type { Act } from '../../kernel/act.ts'
import type { Secret } from '../../kernel/secret.ts'
import { admit, countedOnceCompared, type CountingDeps, forget, type Subject, subjectOf } from '../attempts/service.ts'
import type { Audit } from '../audit/service.ts'
import { notify, type NotifyDeps } from '../messages/service.ts'
import type { Passwords } from '../passwords/service.ts'
import { endOthers, findSession, knownBySession } from '../sessions/service.ts'
import { lockUser, update, type User } from '../users/service.ts'
import { voidWaysIn } from './password-void.ts'

export interface PasswordChangeDeps extends NotifyDeps, CountingDeps {
  readonly secret: Secret
  readonly audit: Audit
  readonly passwords: Passwords
}

export interface WantedChange {
  readonly sessionId: string
  readonly currentPassword: string
  /** Allowed by the policy. */
  readonly newPassword: string
}

export type PasswordChange =
  | { readonly kind: 'changed' }
  | { readonly kind: 'wrong_password' }
  | { readonly kind: 'wait'; readonly retryAfterSeconds: number }
  /** The account or the session that asked was gone before the change was made. */
  | { readonly kind: 'user_gone' }
  | { readonly kind: 'session_over' }

/**
 * Takes the current password for a new one. A wrong one counts as a failed sign-in. Afterwards neither the former password
 * nor a token of any other session works (invariant I7).
 */
export async function changePassword(
  deps: PasswordChangeDeps,
  user: User,
  wanted: WantedChange,
  act: Act,
  now: Date,
  signal?: AbortSignal,
): Promise<PasswordChange> {
  const { db, secret, messages } = deps
  const known = await knownBySession(db, secret, { userId: user.id, sessionId: wanted.sessionId }, now)
  const subject = subjectOf(secret, user.emailKey, known)
  const admission = await admit(deps, subject, now)
  if (admission.kind === 'wait') return admission
  const change = await prove(deps, { subject, wanted, act, now, signal }, user)
  if (change.kind === 'changed') messages.wake()
  return change
}

/** A change whose current password was admitted to be compared. */
interface Attempt {
  readonly subject: Subject
  readonly wanted: WantedChange
  readonly act: Act
  readonly now: Date
  readonly signal: AbortSignal | undefined
}

async function prove(deps: PasswordChangeDeps, attempt: Attempt, user: User): Promise<PasswordChange> {
  const passwordHash = await countedOnceCompared(deps, attempt, () => hashIfRight(deps, attempt, user))
  if (passwordHash === undefined) {
    const failure = { type: 'password_change_failed', userId: user.id, result: 'failure' } as const
    await deps.audit.record(deps.db, attempt.act, failure, attempt.now)
    return { kind: 'wrong_password' }
  }
  const change = await replace(deps, attempt, user, passwordHash)
  // A sign-in may have stored a better hash of the same password, or another change another password: that one decides.
  return change.kind === 'hash_changed' ? prove(deps, attempt, change.user) : change
}

/** The new password's hash; undefined when the current one is wrong. */
async function hashIfRight(
  { passwords }: PasswordChangeDeps,
  { wanted, signal }: Attempt,
  { passwordHash }: User,
): Promise<string | undefined> {
  const { matches } = await passwords.verify(passwordHash, wanted.currentPassword, signal)
  return matches ? passwords.hash(wanted.newPassword, signal) : undefined
}

const replace = (
  { db, ...deps }: PasswordChangeDeps,
  { subject, wanted: { sessionId }, act, now }: Attempt,
  compared: User,
  passwordHash: string,
): Promise<PasswordChange | { readonly kind: 'hash_changed'; readonly user: User }> =>
  db.transaction().execute(async (db) => {
    // Sign-ins lock the row too: one that compared the former password has begun its session by now, or will begin none.
    const user = await lockUser(db, compared.id)
    if (!user || user.deactivatedAt) return { kind: 'user_gone' }
    if (user.passwordHash !== compared.passwordHash) return { kind: 'hash_changed', user }
    if (deps.failedSignIns) await forget(db, subject)
    const session = await findSession(db, sessionId)
    if (!session || session.endedAt) return { kind: 'session_over' }
    await update(db, user.id, { passwordHash })
    const ended = await endOthers(db, { userId: user.id, exceptId: sessionId }, 'password_changed', now)
    await voidWaysIn(db, user.id, now)
    await deps.audit.record(db, act, { type: 'password_changed', userId: user.id, details: { sessions: ended } }, now)
    await notify(db, deps, user, { kind: 'password_changed', facts: { ip: act.ip ?? '' } }, now)
    return { kind: 'changed' }
  })
