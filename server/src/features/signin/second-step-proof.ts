import type { Database } from '../../database/schema.ts'
import { type Act, actOf } from '../../kernel/act.ts'
import {
  type AddressCodeDeps,
  type Applied,
  applyToUser,
  type CodeAsked,
  type Sending,
  sendTo,
} from '../account/service.ts'
import { type Method, usableMethods } from '../factors/service.ts'
import { type Channel, verify } from '../otp/service.ts'
import { endPending, findPending, type PendingSignIn } from '../sessions/service.ts'
import { findById, lockUser, onFile, settleConflict, type User, verifiedAt } from '../users/service.ts'
import type { CompleteDeps, SignedIn } from './complete.ts'
import { type FactorDeps, type FactorProof, proveFactor, recordLocks, type Shown } from './factor-proof.ts'
import { type Candidate, finish } from './second-step.ts'
import { type SignInRules, unverifiedChannels } from './service.ts'

export interface SecondStepDeps extends AddressCodeDeps, FactorDeps, CompleteDeps {
  readonly rules: SignInRules
}

/** The sign-in was finished elsewhere, ended or has expired. */
interface Over {
  readonly kind: 'over'
}

/** The channel proves nothing that this sign-in asks for. */
interface Unusable {
  readonly kind: 'unusable'
}

/**
 * Sends a code to the verified address of a channel that is a second factor of this sign-in, or, where the first proof of an
 * address is asked for, to the one on file. Never to one that is still to take another's place.
 */
export async function sendStepCode(
  deps: SecondStepDeps,
  { pendingId, ...asked }: Candidate & CodeAsked,
  channel: Channel,
  now: Date,
): Promise<Sending | Over | Unusable> {
  const { db, rules } = deps
  const pending = await findPending(db, pendingId, now)
  const user = pending && (await findById(db, pending.userId))
  if (!pending || !user) return { kind: 'over' }
  const current = onFile(user, channel)
  if (!current) return { kind: 'no_address' }
  const isAsked = (await methodsOf(db, rules, user, pending)).includes(channel)
  if (!isAsked) return { kind: isProven(user, pending, channel) ? 'already_verified' : 'unusable' }
  const { to, key: address } = current
  const binding = { userId: user.id, asker: pendingId, channel, address, purpose: pending.needs }
  const isDue = async (db: Database) => (await findPending(db, pendingId, now)) !== undefined
  return sendTo(deps, { ...asked, binding, to, isOwners: pending.needs === 'second_factor', isDue }, now)
}

/** What of the methods the sign-in's answer named is still asked for. */
const methodsOf = async (
  db: Database,
  rules: SignInRules,
  user: User,
  { needs, channel }: PendingSignIn,
): Promise<readonly Method[]> =>
  needs === 'second_factor' ? usableMethods(db, rules, user, channel) : unverifiedChannels(rules, user)

const isProven = (user: User, { needs }: PendingSignIn, channel: Channel): boolean =>
  needs === 'verification' && verifiedAt(user, channel) !== null

export type Step =
  | SignedIn
  | Over
  | Exclude<FactorProof, { kind: 'right' }>
  /** The code was right and is used up, and the address cannot be this user's. */
  | { readonly kind: Exclude<Applied['kind'], 'verified' | 'wrong_code'> }

/** Takes what a sign-in still asked for and opens its session: all in one transaction, a wrong code's cost included. */
export const takeStep = (
  { db, ...deps }: SecondStepDeps,
  { pendingId }: Candidate,
  shown: Shown,
  act: Act,
  now: Date,
): Promise<Step> =>
  settleConflict(() =>
    db.transaction().execute(async (db): Promise<Step> => {
      const known = await findPending(db, pendingId, now)
      const user = known && (await lockUser(db, known.userId))
      // Asked again: whoever had the user before may have been another step of this very sign-in.
      const pending = user && (await findPending(db, pendingId, now))
      if (!pending || user.deactivatedAt) return { kind: 'over' }
      const proof =
        pending.needs === 'second_factor'
          ? await proveFactor(db, deps, trialOf(user, pending), shown, act, now)
          : await proveAddress(db, deps, { user, pendingId }, shown, act, now)
      if (proof.kind !== 'right') return proof
      // Another step, or a logout, may have been first.
      return (await finish(db, deps, pendingId, proof, act, now)) ?? { kind: 'over' }
    }),
  )

const trialOf = (user: User, { id: asker, channel: except }: PendingSignIn) =>
  ({ user, purpose: 'second_factor', asker, except }) as const

/** The first proof of an address (REQUIRE_VERIFIED), by a code sent to it and by nothing else. */
async function proveAddress(
  db: Database,
  deps: Omit<SecondStepDeps, 'db'>,
  { user, pendingId }: Candidate & { readonly user: User },
  { by, code }: Shown,
  act: Act,
  now: Date,
): Promise<Exclude<Step, SignedIn> | { readonly kind: 'right'; readonly method: Channel }> {
  const { codes, rules, sessions } = deps
  if (by !== 'sent_code') return { kind: 'unusable' }
  const proof = await verify(db, codes, { asker: pendingId, purposes: ['verification'] }, code, now)
  if (proof.kind === 'wrong') {
    const locked = { purpose: 'verification', methods: proof.locked } as const
    await recordLocks(db, sessions, { userId: user.id, ...locked }, act, now)
    return { kind: 'wrong' }
  }
  const { challenge } = proof
  if (!unverifiedChannels(rules, user).includes(challenge.channel)) return { kind: 'wrong' }
  const applied = await applyToUser(db, deps, user, challenge, actOf(act, user.id), now)
  if (applied.kind === 'wrong_code') return { kind: 'wrong' }
  return applied.kind === 'verified' ? { kind: 'right', method: challenge.channel } : applied
}

/** Gives a sign-in up that waits for its second step. False when it no longer waits. */
export const giveUp = (
  { db, sessions }: Pick<SecondStepDeps, 'db' | 'sessions'>,
  { pendingId }: Candidate,
  act: Act,
  now: Date,
): Promise<boolean> =>
  db.transaction().execute(async (db) => {
    const pending = await endPending(db, pendingId, now)
    if (!pending) return false
    const { userId } = pending
    const details = { second_step: true }
    await sessions.audit.record(db, actOf(act, userId), { type: 'logged_out', userId, details }, now)
    return true
  })
