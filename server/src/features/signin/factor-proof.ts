import type { Database } from '../../database/schema.ts'
import { type Act, actOf } from '../../kernel/act.ts'
import { failuresOf } from '../attempts/service.ts'
import type { EventType } from '../audit/service.ts'
import { type FactorRules, type Method, usableMethods } from '../factors/service.ts'
import { notify } from '../messages/service.ts'
import { type CodeDeps, type OwnChallenge, type Purpose, verify } from '../otp/service.ts'
import type { NotProven, PasskeyDeps } from '../passkeys/service.ts'
import { type RecoveryCodeDeps, takeRecoveryCode } from '../recovery-codes/service.ts'
import type { SessionDeps } from '../sessions/service.ts'
import { type TotpDeps, verifyTotp } from '../totp/service.ts'
import { findById, onFile, type User } from '../users/service.ts'

export interface FactorDeps {
  readonly codes: CodeDeps
  readonly totp: TotpDeps
  readonly recoveryCodes: RecoveryCodeDeps
  readonly sessions: SessionDeps
  readonly rules: FactorRules
}

/** Who is to prove a factor, and to what end. */
export interface Trial {
  readonly user: User
  /** Failures are counted apart for each end. */
  readonly purpose: 'second_factor' | 'reauthentication'
  /** The pending sign-in or session that codes were sent to. */
  readonly asker: string
  /** The channel that was the first factor, which is no second one. */
  readonly except?: 'email' | 'phone' | null
}

/** A code, and what it is said to be: one sent to an address, an app's, or one of the sheet. */
export interface Shown {
  readonly by: 'sent_code' | 'totp' | 'recovery_code'
  readonly code: string
}

export type FactorProof =
  | { readonly kind: 'right'; readonly method: Method }
  | { readonly kind: 'wrong' }
  /** Too many wrong ones in a row; not even a right one is taken. */
  | { readonly kind: 'locked' }
  /** No factor of this user's, or none for this. */
  | { readonly kind: 'unusable' }

/**
 * Takes a code for a second factor of the user's. Puts on record that one was wrong, and that it locked its method. Takes a
 * transaction, whose "no" must be committed.
 */
export async function proveFactor(
  db: Database,
  deps: FactorDeps,
  trial: Trial,
  { by, code }: Shown,
  act: Act,
  now: Date,
): Promise<FactorProof> {
  const usable = await usableMethods(db, deps.rules, trial.user, trial.except)
  if (by === 'sent_code') return proveSentCode(db, deps, trial, { code, usable }, act, now)
  if (!usable.includes(by)) return { kind: 'unusable' }
  return by === 'totp' ? proveTotp(db, deps, trial, code, act, now) : proveRecoveryCode(db, deps, trial, code, act, now)
}

async function proveSentCode(
  db: Database,
  deps: FactorDeps,
  trial: Trial,
  { code, usable }: { readonly code: string; readonly usable: readonly Method[] },
  act: Act,
  now: Date,
): Promise<FactorProof> {
  const { asker, purpose, user } = trial
  const proof = await verify(db, deps.codes, { asker, purposes: [purpose] }, code, now)
  if (proof.kind === 'wrong') {
    const failed = { methods: proof.tried, locked: proof.locked }
    await recordFailure(db, deps.sessions, { userId: user.id, purpose }, failed, act, now)
    return { kind: 'wrong' }
  }
  const { challenge } = proof
  // Since the code was sent, its address may have been changed, or e-mail have ceased to be a factor.
  const isGood = usable.includes(challenge.channel) && isAddressOf(user, challenge)
  return isGood ? { kind: 'right', method: challenge.channel } : { kind: 'wrong' }
}

/** Whether a code went to the address the user has now. */
export const isAddressOf = (user: User, { channel, address }: OwnChallenge): boolean =>
  address === onFile(user, channel)?.key

async function proveTotp(
  db: Database,
  deps: FactorDeps,
  trial: Trial,
  code: string,
  act: Act,
  now: Date,
): Promise<FactorProof> {
  const tried = { userId: trial.user.id, method: 'totp', purpose: trial.purpose } as const
  const proof = await verifyTotp(db, deps.totp, tried, code, now)
  if (proof === 'right') return { kind: 'right', method: 'totp' }
  if (proof === 'none') return { kind: 'unusable' }
  await recordRefused(db, deps.sessions, { ...tried, lockAfter: deps.totp.rules.lockAfter }, act, now)
  return { kind: proof }
}

async function proveRecoveryCode(
  db: Database,
  deps: FactorDeps,
  trial: Trial,
  code: string,
  act: Act,
  now: Date,
): Promise<FactorProof> {
  const { kind } = await takeRecoveryCode(db, deps.recoveryCodes, trial, code, act, now)
  if (kind === 'right') return { kind, method: 'recovery_code' }
  const tried = { userId: trial.user.id, method: 'recovery_code', purpose: trial.purpose } as const
  await recordRefused(db, deps.sessions, { ...tried, lockAfter: deps.recoveryCodes.rules.lockAfter }, act, now)
  return { kind }
}

/** A method that was tried, and refused. */
interface RefusedTry {
  readonly userId: number
  readonly method: Method
  readonly purpose: Trial['purpose']
  /** How many in a row lock it; undefined: never. */
  readonly lockAfter: number | undefined
  readonly reason?: string
}

/** A passkey that was refused to a user who is known: as a second factor, or to reauthenticate. */
export const refusedPasskey = (
  { rules: { lockAfter } }: PasskeyDeps,
  { userId, purpose }: Pick<RefusedTry, 'userId' | 'purpose'>,
  { because }: NotProven,
): RefusedTry => ({
  userId,
  method: 'passkey',
  purpose,
  lockAfter,
  ...(because === 'copied' && { reason: 'passkey_copied' }),
})

/** Puts a refused try on record, once it was counted; where it was the one that locks, that too. */
export async function recordRefused(
  db: Database,
  sessions: SessionDeps,
  { userId, method, purpose, lockAfter, ...why }: RefusedTry,
  act: Act,
  now: Date,
): Promise<void> {
  const isLast = (await failuresOf(db, { userId, method, purpose })) === lockAfter
  const failed = { methods: [method], locked: isLast ? [method] : [], ...why }
  await recordFailure(db, sessions, { userId, purpose }, failed, act, now)
}

const FAILED = {
  second_factor: 'second_factor_failed',
  reauthentication: 'reauthentication_failed',
} as const satisfies Record<Trial['purpose'], EventType>

interface Failed {
  readonly methods: readonly Method[]
  /** Those of them whose last wrong try this was. */
  readonly locked: readonly Method[]
  readonly reason?: string
}

async function recordFailure(
  db: Database,
  sessions: SessionDeps,
  { userId, purpose }: Pick<RefusedTry, 'userId' | 'purpose'>,
  { locked, ...details }: Failed,
  act: Act,
  now: Date,
): Promise<void> {
  const event = { type: FAILED[purpose], result: 'failure', userId, details } as const
  await sessions.audit.record(db, actOf(act, userId), event, now)
  await recordLocks(db, sessions, { userId, purpose, methods: locked }, act, now)
}

interface Locked {
  readonly userId: number
  readonly purpose: Purpose
  readonly methods: readonly Method[]
}

/**
 * Puts each method on record whose last wrong try this was, and tells the user: whoever got as far as a second factor most
 * likely knows the password.
 */
export async function recordLocks(
  db: Database,
  sessions: SessionDeps,
  { userId, purpose, methods }: Locked,
  act: Act,
  now: Date,
): Promise<void> {
  for (const method of methods) {
    const event = { type: 'method_locked', result: 'failure', userId, details: { method, purpose } } as const
    await sessions.audit.record(db, actOf(act, userId), event, now)
  }
  if (methods.length === 0 || purpose === 'verification') return
  const user = await findById(db, userId)
  if (user) await notify(db, sessions, user, { kind: 'method_locked', facts: { ip: act.ip ?? '' } }, now)
}
