import type { Database } from '../../database/schema.ts'
import { emailKey, parseEmail } from '../../kernel/address.ts'
import { type Act, actOf } from '../../kernel/act.ts'
import { Refusal } from '../../kernel/refusal.ts'
import {
  type Admission,
  admit,
  admitStranger,
  countedOnceCompared,
  type CountedFailure,
  type CountingDeps,
  forget,
  type KnownBy,
  knownBy,
  NEW_DEVICE,
  type Subject,
  subjectOf,
  uncountAddress,
} from '../attempts/service.ts'
import type { Passwords } from '../passwords/service.ts'
import { type FactorRules, type Method, usableMethods } from '../factors/service.ts'
import {
  beginPending,
  type FirstStep,
  originOf,
  PASSWORD_ALONE,
  pendingPair,
  type TokenPair,
} from '../sessions/service.ts'
import { findByEmail, lockUser, update, type User } from '../users/service.ts'
import { complete, type CompleteDeps, type SignedIn } from './complete.ts'

export interface SignInDeps extends CompleteDeps, CountingDeps {
  readonly passwords: Passwords
  readonly rules: SignInRules
}

/** What a sign-in asks for beside the first factor. */
export interface SignInRules extends FactorRules {
  /** What must be verified before a session opens. */
  readonly requireVerified: 'none' | 'email' | 'any'
}

export interface Credentials {
  /** As typed, trimmed; perhaps no address at all. */
  readonly email: string
  readonly password: string
  /** A value given earlier, or `new` to be given one. */
  readonly device?: string | undefined
}

export type SignIn =
  | SignedIn
  | SecondStep
  /** Wrong password, unknown or deactivated: one answer, for the same work. */
  | { readonly kind: 'refused' }
  | Extract<Admission, { kind: 'wait' }>

/** The first factor was right, and another step is asked for. */
export interface SecondStep {
  readonly kind: 'second_step'
  readonly user: User
  readonly tokens: TokenPair
  readonly methods: readonly Method[]
}

/** Signs in by e-mail and password. */
export async function signIn(
  deps: SignInDeps,
  credentials: Credentials,
  act: Act,
  now: Date,
  signal?: AbortSignal,
): Promise<SignIn> {
  const { user, known, subject } = await whoTries(deps, credentials, act, now)
  const admission = await admitted(deps, { subject, known, ip: act.ip }, now)
  if (admission.kind === 'wait') return admission
  const deviceId = known && 'device' in known ? known.device : undefined
  return prove(deps, { credentials, subject, counted: admission.counted, deviceId, act, now, signal }, user)
}

type Named = Pick<Credentials, 'email' | 'device'>

async function whoTries(
  { db, secret }: Pick<SignInDeps, 'db' | 'secret'>,
  { email: typed, device }: Named,
  { ip }: Act,
  now: Date,
): Promise<{ readonly user: User | undefined; readonly known: KnownBy; readonly subject: Subject }> {
  const email = parseEmail(typed)
  const user = email && (await findByEmail(db, email))
  const known = await knownBy(db, { secret }, { userId: user?.id, device, ip }, now)
  return { user, known, subject: subjectOf(secret, email ? emailKey(email) : typed, known) }
}

/** Stands for an account and by what it knows whoever tries; undefined for a stranger. */
export async function knownSubject(
  deps: Pick<SignInDeps, 'db' | 'secret'>,
  named: Named,
  act: Act,
  now: Date,
): Promise<Subject | undefined> {
  const { known, subject } = await whoTries(deps, named, act, now)
  return known && subject
}

/** What an address may fail spares whom the account knows: a carrier puts thousands behind one. */
async function admitted(
  deps: SignInDeps,
  { subject, known, ip }: { readonly subject: Subject; readonly known: KnownBy; readonly ip: string | null },
  now: Date,
): Promise<Admission & { readonly counted?: CountedFailure }> {
  const { db, failedSignIns: rate } = deps
  return known || !rate ? admit(deps, subject, now) : admitStranger(db, subject, { ip, rate }, now)
}

/** A sign-in that was admitted. */
interface Attempt {
  readonly credentials: Credentials
  readonly subject: Subject
  /** For the address, where the account does not know whoever tries. */
  readonly counted: CountedFailure | undefined
  readonly deviceId: string | undefined
  readonly act: Act
  readonly now: Date
  readonly signal: AbortSignal | undefined
}

async function prove(deps: SignInDeps, attempt: Attempt, user: User | undefined): Promise<SignIn> {
  const { password } = attempt.credentials
  const check = await countedOnceCompared(deps, attempt, () =>
    deps.passwords.verify(user?.passwordHash, password, attempt.signal),
  )
  if (!user || !check.matches || user.deactivatedAt) return refuse(deps.db, deps, attempt, user)
  const rehashed = check.needsRehash ? await rehash(deps.passwords, password) : undefined
  const opening = await open(deps, attempt, { user, rehashed })
  // Another sign-in may have stored a better hash of the same password, or its owner another password: that one decides.
  return opening.kind === 'hash_changed' ? prove(deps, attempt, opening.user) : opening
}

/** Puts the failure on record, an unknown account's like any other: whoever takes the time learns nothing. */
async function refuse(
  db: Database,
  { sessions }: Pick<SignInDeps, 'sessions'>,
  { act, now }: Attempt,
  user: User | undefined,
): Promise<SignIn> {
  const reason = user ? (user.deactivatedAt ? 'deactivated' : 'wrong_password') : 'unknown_account'
  const event = { type: 'sign_in_failed', result: 'failure', userId: user?.id ?? null, details: { reason } } as const
  await sessions.audit.record(db, act, event, now)
  return { kind: 'refused' }
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

const open = ({ db, ...deps }: SignInDeps, attempt: Attempt, proven: Proven): Promise<Opening> =>
  db.transaction().execute(async (db): Promise<Opening> => {
    const { subject, counted, deviceId, credentials, act, now } = attempt
    // Asked again: while the password was hashed, the account may have been changed, closed or deleted. And held, so that a
    // change of password either has been made or ends the session that begins here (invariant I7).
    const user = await lockUser(db, proven.user.id)
    if (!user || user.deactivatedAt) return refuse(db, deps, attempt, user)
    if (user.passwordHash !== proven.user.passwordHash) return { kind: 'hash_changed', user }
    // In the order they were counted in, so that no two transactions wait for each other.
    if (counted) await uncountAddress(db, counted)
    if (deps.failedSignIns) await forget(db, subject)
    if (proven.rehashed !== undefined) await update(db, user.id, { passwordHash: proven.rehashed })
    const wantsDevice = credentials.device === NEW_DEVICE
    const step = { userId: user.id, amr: PASSWORD_ALONE.amr, deviceId, wantsDevice }
    const second = await secondStep(db, deps, user, step, act, now)
    return second ?? complete(db, deps, { user, assurance: PASSWORD_ALONE, deviceId, wantsDevice }, act, now)
  })

/** The step a user's sign-in still needs after its first factor, begun; undefined when it needs none. Takes a transaction. */
export async function secondStep(
  db: Database,
  { rules, sessions }: Pick<SignInDeps, 'rules' | 'sessions'>,
  user: User,
  first: Omit<FirstStep, 'needs'>,
  act: Act,
  now: Date,
): Promise<SecondStep | undefined> {
  const methods =
    user.twoFactorSince === null ? unverifiedChannels(rules, user) : await usableMethods(db, rules, user, first.channel)
  const needs = user.twoFactorSince === null ? 'verification' : 'second_factor'
  if (needs === 'verification' && methods.length === 0) return undefined
  const pending = await beginPending(db, sessions, { ...first, needs }, originOf(act), now)
  const details = { needs, methods }
  await sessions.audit.record(
    db,
    actOf(act, user.id),
    { type: 'second_factor_required', userId: user.id, details },
    now,
  )
  return { kind: 'second_step', user, tokens: pendingPair(sessions, pending), methods }
}

/** The channels one of which must be verified before a session opens; none when enough is verified. */
export function unverifiedChannels({ requireVerified }: SignInRules, user: User): ('email' | 'phone')[] {
  const isEmailVerified = user.emailVerifiedAt !== null
  if (requireVerified === 'none' || isEmailVerified) return []
  if (requireVerified === 'email') return ['email']
  if (user.phoneVerifiedAt !== null) return []
  return user.phone === null ? ['email'] : ['email', 'phone']
}
