import type { Database } from '../../database/schema.ts'
import { emailKey, parseEmail } from '../../kernel/address.ts'
import { Refusal } from '../../kernel/refusal.ts'
import type { PasswordCheck, Passwords } from '../passwords/service.ts'
import { begin, type Origin, type SessionDeps, type TokenPair, tokenPair } from '../sessions/service.ts'
import { findByEmail, findById, update, type User } from '../users/service.ts'
import { admit, forget, type Subject, subjectOf, takeBack } from './attempts.ts'
import { type DeviceDeps, NEW_DEVICE, recognise, remember } from './devices.ts'
import * as store from './store.ts'

export { removeOld as removeOldFailures } from './attempts.ts'

export interface SignInDeps extends DeviceDeps {
  readonly db: Database
  readonly passwords: Passwords
  readonly sessions: SessionDeps
  /** Whether failed sign-ins are counted; off only outside production. */
  readonly countFailures: boolean
}

export interface Credentials {
  /** As typed, trimmed; perhaps no address at all. */
  readonly email: string
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
  const { db, secret } = deps
  const email = parseEmail(credentials.email)
  const user = email && (await findByEmail(db, email))
  const device = await recognise(db, deps, user?.id, credentials.device)
  const subject = subjectOf(secret, email ? emailKey(email) : credentials.email, device?.id)
  const admission = deps.countFailures ? await admit(db, subject, now) : { kind: 'admitted' as const }
  if (admission.kind === 'wait') return admission
  return prove(deps, { credentials, subject, deviceId: device?.id, origin, now, signal }, user)
}

/** A sign-in that was admitted. */
interface Attempt {
  readonly credentials: Credentials
  readonly subject: Subject
  readonly deviceId: string | undefined
  readonly origin: Origin
  readonly now: Date
  readonly signal: AbortSignal | undefined
}

async function prove(deps: SignInDeps, attempt: Attempt, user: User | undefined): Promise<SignIn> {
  const { password } = attempt.credentials
  const check = await compare(deps, attempt, user?.passwordHash)
  if (!user || !check.matches || user.deactivatedAt) return { kind: 'refused' }
  const rehashed = check.needsRehash ? await rehash(deps.passwords, password) : undefined
  const opening = await open(deps, attempt, { user, rehashed })
  // Another sign-in may have stored a better hash of the same password, or its owner another password: that one decides.
  return opening.kind === 'hash_changed' ? prove(deps, attempt, opening.user) : opening
}

async function compare(
  { db, passwords, countFailures }: SignInDeps,
  { credentials, subject, signal }: Attempt,
  passwordHash: string | undefined,
): Promise<PasswordCheck> {
  try {
    return await passwords.verify(passwordHash, credentials.password, signal)
  } catch (error) {
    // Too many waited, or the client left its place: nothing was compared, and nobody is to wait for our own overload.
    if (countFailures) await takeBack(db, subject)
    throw error
  }
}

/** Under today's parameters; undefined when too many wait: the password was right, and another sign-in will do. */
async function rehash(passwords: Passwords, password: string): Promise<string | undefined> {
  try {
    return await passwords.hash(password)
  } catch (error) {
    if (error instanceof Refusal) return undefined
    throw error
  }
}

interface Proven {
  readonly user: User
  readonly rehashed: string | undefined
}

type Opening = SignIn | { readonly kind: 'hash_changed'; readonly user: User }

const open = (
  { db, ...deps }: SignInDeps,
  { subject, deviceId, credentials, origin, now }: Attempt,
  proven: Proven,
): Promise<Opening> =>
  db.transaction().execute(async (db): Promise<Opening> => {
    // Asked again: while the password was hashed, the account may have been changed, closed or deleted.
    const user = await findById(db, proven.user.id)
    if (!user || user.deactivatedAt) return { kind: 'refused' }
    if (user.passwordHash !== proven.user.passwordHash) return { kind: 'hash_changed', user }
    if (deps.countFailures) await forget(db, subject)
    if (proven.rehashed !== undefined) await update(db, user.id, { passwordHash: proven.rehashed })
    if (deviceId !== undefined) await store.touchDevice(db, deviceId, now)
    const device = credentials.device === NEW_DEVICE ? await remember(db, deps, user.id, now) : undefined
    const session = await begin(db, deps.sessions, user.id, origin, now)
    return { kind: 'signed_in', user, tokens: tokenPair(deps.sessions, session, user, now), device }
  })

/**
 * What an operator's unlock does: strangers, and every device known to the account, may try again from nought. Tells how
 * many counters there were.
 */
export async function reopenSignIn(db: Database, { secret }: Pick<DeviceDeps, 'secret'>, user: User): Promise<number> {
  const devices = await store.devicesOf(db, user.id)
  const ids = [undefined, ...devices.map(({ id }) => id)]
  return store.forgetFailures(
    db,
    ids.map((id) => subjectOf(secret, user.emailKey, id)),
  )
}

export interface Forgotten {
  readonly devices: number
  readonly counters: number
}

/**
 * Drops what is kept only as a hash under the secret and means nothing under another: who is a known device, and the
 * counters of failed sign-ins, of unknown accounts like of others. For an operator alone (invariant I8).
 */
export const forgetHashed = async (db: Database): Promise<Forgotten> => ({
  devices: await store.removeAllDevices(db),
  counters: await store.removeAllFailures(db),
})
