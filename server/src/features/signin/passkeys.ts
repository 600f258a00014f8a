import type { Database } from '../../database/schema.ts'
import type { Act } from '../../kernel/act.ts'
import { NEW_DEVICE, recognise } from '../attempts/service.ts'
import {
  type AssertionJson,
  checkPasskey,
  hasPasskey,
  type NotProven,
  type PasskeyAsk,
  type PasskeyDeps,
  passkeyOptions,
  provePasskey,
} from '../passkeys/service.ts'
import { findPending } from '../sessions/service.ts'
import { lockUser } from '../users/service.ts'
import { complete, type CompleteDeps, type SignedIn } from './complete.ts'
import { recordRefused, refusedPasskey } from './factor-proof.ts'
import { type Candidate, finish, settleReset } from './second-step.ts'
import { type SecondStep, secondStep, type SignInRules } from './service.ts'

export interface PasskeySignInDeps extends CompleteDeps {
  readonly db: Database
  readonly passkeys: PasskeyDeps
  readonly rules: SignInRules
}

/** Whoever signs in by a passkey names nobody: the passkey does. */
export const ANYBODY = { purpose: 'sign_in' } as const satisfies PasskeyAsk

/** What a browser gave, and the device value as in `token/`. */
export interface Answer {
  readonly response: AssertionJson
  readonly device?: string | undefined
}

export type PasskeySignIn = SignedIn | SecondStep | NotProven | { readonly kind: 'closed' }

/**
 * Signs in by a passkey that verified its user, which is two factors in one: no other step is asked for but, where
 * REQUIRE_VERIFIED says so, the first proof of an address.
 */
export async function signInByPasskey(
  deps: PasskeySignInDeps,
  { response, device }: Answer,
  act: Act,
  now: Date,
): Promise<PasskeySignIn> {
  const checked = await checkPasskey(deps.db, deps.passkeys, ANYBODY, response, now)
  return deps.db.transaction().execute(async (db): Promise<PasskeySignIn> => {
    const proof = await provePasskey(db, deps.passkeys, ANYBODY, checked, now)
    if (proof.kind === 'proven') return enter(db, deps, { ...proof, device }, act, now)
    await recordFailure(db, deps, proof, act, now)
    return proof
  })
}

interface Entry {
  readonly userId: number
  readonly amr: readonly string[]
  readonly device: string | undefined
}

async function enter(
  db: Database,
  deps: PasskeySignInDeps,
  { userId, amr: proven, device }: Entry,
  act: Act,
  now: Date,
): Promise<PasskeySignIn> {
  const found = await lockUser(db, userId)
  if (!found || found.deactivatedAt) {
    const failed = { type: 'sign_in_failed', result: 'failure', userId, details: { reason: 'deactivated' } } as const
    await deps.sessions.audit.record(db, act, failed, now)
    return { kind: 'closed' }
  }
  const user = await settleReset(db, found, 'passkey')
  const deviceId = (await recognise(db, deps, userId, device))?.id
  const wantsDevice = device === NEW_DEVICE
  const amr = [...proven, 'mfa']
  const second =
    user.twoFactorSince === null
      ? await secondStep(db, deps, user, { userId, amr, deviceId, wantsDevice }, act, now)
      : undefined
  return second ?? complete(db, deps, { user, assurance: { acr: 'aal2', amr }, deviceId, wantsDevice }, act, now)
}

/** A passkey of nobody's like a user's: every failed sign-in is on record. */
async function recordFailure(
  db: Database,
  { sessions: { audit } }: PasskeySignInDeps,
  { userId, because }: NotProven,
  act: Act,
  now: Date,
): Promise<void> {
  const details = { reason: because === 'copied' ? 'passkey_copied' : 'wrong_passkey' }
  await audit.record(db, act, { type: 'sign_in_failed', result: 'failure', userId: userId ?? null, details }, now)
}

type NoStep = { readonly kind: 'over' } | { readonly kind: 'unusable' }

/** What the browser is to be given for the second step of a sign-in. */
export async function stepOptions(deps: PasskeySignInDeps, { pendingId }: Candidate, now: Date) {
  const asked = await askedOf(deps, pendingId, now)
  if (asked.kind !== 'asked') return asked
  return { kind: 'options', options: await passkeyOptions(deps.db, deps.passkeys, asked.ask, now) } as const
}

type StepAsk = PasskeyAsk & { readonly purpose: 'second_factor'; readonly userId: number }

/** What a sign-in that waits may ask of a passkey. */
async function askedOf(
  { db }: PasskeySignInDeps,
  pendingId: string,
  now: Date,
): Promise<NoStep | { readonly kind: 'asked'; readonly ask: StepAsk }> {
  const pending = await findPending(db, pendingId, now)
  if (!pending) return { kind: 'over' }
  const { userId, needs } = pending
  if (needs !== 'second_factor' || !(await hasPasskey(db, userId))) return { kind: 'unusable' }
  return { kind: 'asked', ask: { purpose: 'second_factor', userId, asker: pendingId } }
}

/** Takes a passkey for the second step of a sign-in and opens its session; a refused one counts. */
export async function takePasskeyStep(
  deps: PasskeySignInDeps,
  { pendingId }: Candidate,
  response: AssertionJson,
  act: Act,
  now: Date,
): Promise<SignedIn | NoStep | NotProven> {
  const asked = await askedOf(deps, pendingId, now)
  if (asked.kind !== 'asked') return asked
  const { ask } = asked
  const checked = await checkPasskey(deps.db, deps.passkeys, ask, response, now)
  return deps.db.transaction().execute(async (db): Promise<SignedIn | NoStep | NotProven> => {
    const proof = await provePasskey(db, deps.passkeys, ask, checked, now)
    if (proof.kind === 'refused') {
      await recordRefused(db, deps.sessions, refusedPasskey(deps.passkeys, ask, proof), act, now)
      return proof
    }
    // Another step, or a logout, may have been first.
    return (await finish(db, deps, pendingId, { method: 'passkey', amr: proof.amr }, act, now)) ?? { kind: 'over' }
  })
}
