import type { Database } from '../../database/schema.ts'
import { type Email, emailKey } from '../../kernel/address.ts'
import { before } from '../../kernel/duration.ts'
import type { Passwords } from '../passwords/service.ts'
import { begin, type Origin, type SessionDeps, type TokenPair, tokenPair } from '../sessions/service.ts'
import { findByEmail, findById, update, type User } from '../users/service.ts'
import { admit, FAILURE_MEMORY, forget, type Subject, subjectOf } from './attempts.ts'
import { type DeviceDeps, NEW_DEVICE, recognise, remember } from './devices.ts'
import * as store from './store.ts'

export interface SignInDeps extends DeviceDeps {
  readonly db: Database
  readonly passwords: Passwords
  readonly sessions: SessionDeps
  /** Whether failed sign-ins are counted; off only outside production. */
  readonly countFailures: boolean
}

export interface Credentials {
  readonly email: Email
  readonly password: string
  /** A value given earlier, or `new` to be given one. */
  readonly device?: string | undefined
}

export type SignIn =
  | { readonly kind: 'signed_in'; readonly user: User; readonly tokens: TokenPair; readonly device: string | undefined }
  /** Wrong password, unknown or deactivated: one answer, for the same work. */
  | { readonly kind: 'refused' }
  | { readonly kind: 'wait'; readonly retryAfterSeconds: number }

/** Signs in by e-mail and password. */
export async function signIn(
  deps: SignInDeps,
  credentials: Credentials,
  origin: Origin,
  now: Date,
  signal?: AbortSignal,
): Promise<SignIn> {
  const { db, passwords, secret } = deps
  const user = await findByEmail(db, credentials.email)
  const device = await recognise(db, deps, user?.id, credentials.device)
  const subject = subjectOf(secret, emailKey(credentials.email), device?.id)
  const admission = deps.countFailures ? await admit(db, subject, now) : { kind: 'admitted' as const }
  if (admission.kind === 'wait') return admission
  const check = await passwords.verify(user?.passwordHash, credentials.password, signal)
  if (!user || !check.matches || user.deactivatedAt) return { kind: 'refused' }
  const rehashed = check.needsRehash ? await passwords.hash(credentials.password, signal) : undefined
  return open(
    deps,
    { user, subject, rehashed, deviceId: device?.id, wantsDevice: credentials.device === NEW_DEVICE },
    origin,
    now,
  )
}

interface Proven {
  readonly user: User
  readonly subject: Subject
  readonly rehashed: string | undefined
  readonly deviceId: string | undefined
  readonly wantsDevice: boolean
}

const open = ({ db, ...deps }: SignInDeps, proven: Proven, origin: Origin, now: Date): Promise<SignIn> =>
  db.transaction().execute(async (db): Promise<SignIn> => {
    // Asked again: while the password was hashed, the account may have been changed, closed or deleted.
    const user = await findById(db, proven.user.id)
    if (!user || user.deactivatedAt || user.passwordHash !== proven.user.passwordHash) return { kind: 'refused' }
    if (deps.countFailures) await forget(db, proven.subject)
    if (proven.rehashed !== undefined) await update(db, user.id, { passwordHash: proven.rehashed })
    if (proven.deviceId !== undefined) await store.touchDevice(db, proven.deviceId, now)
    const device = proven.wantsDevice ? await remember(db, deps, user.id, now) : undefined
    const session = await begin(db, deps.sessions, user.id, origin, now)
    return { kind: 'signed_in', user, tokens: tokenPair(deps.sessions, session, user, now), device }
  })

/** What an operator's unlock does: strangers may try again from nought. */
export const forgetFailures = (db: Database, { secret }: DeviceDeps, user: User): Promise<void> =>
  store.forgetFailures(db, subjectOf(secret, user.emailKey, undefined))

/** Failures long past count no more. */
export const removeOldFailures = (db: Database, now: Date): Promise<void> =>
  store.removeFailuresBefore(db, before(now, FAILURE_MEMORY))
