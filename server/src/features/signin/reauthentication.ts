import type { Database } from '../../database/schema.ts'
import { type Act, actOf } from '../../kernel/act.ts'
import type { Secret } from '../../kernel/secret.ts'
import { admit, countedOnceCompared, type CountingDeps, forget, type Subject, subjectOf } from '../attempts/service.ts'
import { type Method, usableMethods } from '../factors/service.ts'
import {
  type AssertionJson,
  type CheckedPasskey,
  checkPasskey,
  type PasskeyDeps,
  provePasskey,
} from '../passkeys/service.ts'
import type { Passwords } from '../passwords/service.ts'
import { channelProof, findSession, knownBySession, markProven, type Session, tokenPair } from '../sessions/service.ts'
import { findById, lockUser, type User } from '../users/service.ts'
import {
  type FactorDeps,
  type FactorProof,
  proveFactor,
  recordRefused,
  refusedPasskey,
  type Shown,
} from './factor-proof.ts'
import { AMR, type Passed, settleReset } from './second-step.ts'

export interface ReauthenticationDeps extends FactorDeps, CountingDeps {
  readonly secret: Secret
  readonly passwords: Passwords
  readonly passkeys: PasskeyDeps
}

/** Who is signed in, and by which session. */
interface Caller {
  readonly userId: number
  readonly sessionId: string
}

/** What the caller shows, once more, to be who he is. */
export interface Proofs {
  readonly password?: string | undefined
  readonly factor?: Shown | undefined
  readonly passkey?: AssertionJson | undefined
}

export type Reauthentication =
  | { readonly kind: 'reauthenticated'; readonly access: string }
  | { readonly kind: 'password_required' | 'wrong_password' | 'passkey_refused' }
  /** The account or the session that asked ended meanwhile. */
  | { readonly kind: 'gone' | 'over' }
  | { readonly kind: 'wait'; readonly retryAfterSeconds: number }
  /** Two factors are on, and a password is one. */
  | { readonly kind: 'factor_required'; readonly methods: readonly Method[] }
  | Exclude<FactorProof, { kind: 'right' }>

/**
 * Proves again who is signed in: by the password and, with two factors on, a factor; or by a passkey alone that knew its
 * user by a finger, a face or a PIN. The token this gives is fresh; those given before stay as old as they are. A wrong
 * password or factor counts as a failed sign-in.
 */
export async function reauthenticate(
  deps: ReauthenticationDeps,
  caller: Caller,
  proofs: Proofs,
  act: Act,
  now: Date,
  signal?: AbortSignal,
): Promise<Reauthentication> {
  const { db, secret } = deps
  const user = await findById(db, caller.userId)
  if (!user) return { kind: 'gone' }
  const ask = { purpose: 'reauthentication', userId: user.id, asker: caller.sessionId } as const
  const passkey = proofs.passkey && (await checkPasskey(db, deps.passkeys, ask, proofs.passkey, now))
  const attempt = { caller, proofs, ask, passkey, act, now, signal }
  // Before the password is looked at: a client that asks what is needed has not failed.
  const lack = await lackOf(db, deps, attempt, user)
  if (lack) return lack
  if (proofs.password === undefined) return renew(deps, attempt, user)
  const subject = subjectOf(secret, user.emailKey, await knownBySession(db, secret, caller, now))
  const admission = await admit(deps, subject, now)
  return admission.kind === 'wait' ? admission : prove(deps, { ...attempt, subject }, user)
}

interface Attempt {
  readonly caller: Caller
  readonly proofs: Proofs
  readonly ask: { readonly purpose: 'reauthentication'; readonly userId: number; readonly asker: string }
  readonly passkey: CheckedPasskey | undefined
  /** Whose failures are counted, where a password is shown. */
  readonly subject?: Subject
  readonly act: Act
  readonly now: Date
  readonly signal: AbortSignal | undefined
}

/** What would be missing if all that is shown were right. */
async function lackOf(
  db: Database,
  { rules }: Pick<ReauthenticationDeps, 'rules'>,
  { proofs: { password, factor }, passkey }: Attempt,
  user: User,
): Promise<Reauthentication | undefined> {
  if (password === undefined) {
    const standsAlone = passkey && (passkey.kind === 'refused' || passkey.userVerified)
    return standsAlone ? undefined : { kind: 'password_required' }
  }
  if (user.twoFactorSince === null || factor || passkey) return undefined
  return { kind: 'factor_required', methods: await usableMethods(db, rules, user) }
}

async function prove(deps: ReauthenticationDeps, attempt: Attempt, user: User): Promise<Reauthentication> {
  const { proofs, subject, signal, act, now } = attempt
  const { matches } = await countedOnceCompared(deps, { subject: subject! }, () =>
    deps.passwords.verify(user.passwordHash, proofs.password!, signal),
  )
  if (!matches) {
    const details = { methods: ['password'] }
    const failed = { type: 'reauthentication_failed', result: 'failure', userId: user.id, details } as const
    await deps.sessions.audit.record(deps.db, actOf(act, user.id), failed, now)
    return { kind: 'wrong_password' }
  }
  return renew(deps, attempt, user)
}

async function renew(deps: ReauthenticationDeps, attempt: Attempt, compared: User): Promise<Reauthentication> {
  const renewal = await deps.db.transaction().execute((db) => renewIn(db, deps, attempt, compared))
  deps.sessions.messages.wake()
  // A sign-in may have stored a better hash of the same password, or its owner another password: that one decides.
  return renewal.kind === 'hash_changed' ? prove(deps, attempt, renewal.user) : renewal
}

/** The user and the session as they are now, while nobody else can change them. */
async function hold(db: Database, { subject, caller }: Attempt, compared: User) {
  const user = await lockUser(db, compared.id)
  if (!user || user.deactivatedAt) return { kind: 'gone' } as const
  const session = await findSession(db, caller.sessionId)
  if (!session) return { kind: 'over' } as const
  const isCompared = !subject || user.passwordHash === compared.passwordHash
  return isCompared ? ({ kind: 'held', user, session } as const) : ({ kind: 'hash_changed', user } as const)
}

type Renewal = Reauthentication | { readonly kind: 'hash_changed'; readonly user: User }

async function renewIn(db: Database, deps: ReauthenticationDeps, attempt: Attempt, compared: User): Promise<Renewal> {
  const { proofs, subject, act, now } = attempt
  const held = await hold(db, attempt, compared)
  if (held.kind !== 'held') return held
  const { user, session } = held
  // Two factors may have been turned on meanwhile.
  const proof = (await lackOf(db, deps, attempt, user)) ?? (await proveSecond(db, deps, attempt, user))
  if (proof && proof.kind !== 'passed') return proof
  if (proof) await settleReset(db, user, proof.method)
  if (deps.failedSignIns && subject) await forget(db, subject)
  const renewed = await markProven(db, session.id, renewalOf(session, proofs, proof, now))
  if (!renewed) return { kind: 'over' }
  await record(db, deps, { session: renewed, methods: methodsOf(proofs, proof) }, act, now)
  return { kind: 'reauthenticated', access: tokenPair(deps.sessions, renewed, user, now).access }
}

const methodsOf = ({ password }: Proofs, passed: Passed | undefined): string[] => [
  ...(password === undefined ? [] : ['password']),
  ...(passed ? [passed.method] : []),
]

async function record(
  db: Database,
  { sessions: { audit } }: ReauthenticationDeps,
  { session: { id, userId }, methods }: { readonly session: Session; readonly methods: readonly string[] },
  act: Act,
  now: Date,
): Promise<void> {
  const event = { type: 'reauthenticated', userId, details: { session: id, methods } } as const
  await audit.record(db, actOf(act, userId), event, now)
}

type PassedFactor = Passed & { readonly kind: 'passed' }

/** The factor that is shown beside the password, or the passkey in its place; undefined where none is. */
async function proveSecond(
  db: Database,
  deps: ReauthenticationDeps,
  { proofs: { factor }, passkey, ask, act, now }: Attempt,
  user: User,
): Promise<PassedFactor | Exclude<Reauthentication, { kind: 'reauthenticated' }> | undefined> {
  if (passkey) return provePasskeyAgain(db, deps, { ask, passkey }, act, now)
  if (!factor) return undefined
  const trial = { user, purpose: 'reauthentication', asker: ask.asker } as const
  const proof = await proveFactor(db, deps, trial, factor, act, now)
  return proof.kind === 'right' ? { kind: 'passed', method: proof.method } : proof
}

async function provePasskeyAgain(
  db: Database,
  deps: ReauthenticationDeps,
  { ask, passkey }: { readonly ask: Attempt['ask']; readonly passkey: CheckedPasskey },
  act: Act,
  now: Date,
): Promise<PassedFactor | { readonly kind: 'passkey_refused' | 'locked' }> {
  const proof = await provePasskey(db, deps.passkeys, ask, passkey, now)
  if (proof.kind === 'proven') return { kind: 'passed', method: 'passkey', amr: proof.amr }
  await recordRefused(db, deps.sessions, refusedPasskey(deps.passkeys, ask, proof), act, now)
  return { kind: proof.because === 'locked' ? 'locked' : 'passkey_refused' }
}

/** What of the session is new. Its assurance rises with a factor and never falls. */
function renewalOf(session: Session, { password }: Proofs, passed: Passed | undefined, now: Date) {
  const known = [...session.amr.split(' '), ...(password === undefined ? [] : ['pwd'])]
  if (!passed) return { authenticatedAt: now, amr: [...new Set(known)].join(' ') }
  const { method, amr = [AMR[method]] } = passed
  return {
    authenticatedAt: now,
    acr: 'aal2' as const,
    amr: [...new Set([...known, ...amr, 'mfa'])].join(' '),
    ...((method === 'email' || method === 'phone') && channelProof(method, now)),
  }
}
