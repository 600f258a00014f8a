import type { Database } from '../../database/schema.ts'
import { equalInConstantTime } from '../../kernel/secret.ts'
import { countFailure, forgetFailures } from '../attempts/service.ts'
import { notify } from '../messages/service.ts'
import { findById, lockUser } from '../users/service.ts'
import { type Ask, CHALLENGE_LIFETIME, challengeEnd, makeChallenge, takeChallenge } from './challenges.ts'
import type { PasskeyDeps } from './deps.ts'
import * as store from './store.ts'
import { type AssertionFacts, type Refused, refused, type Verified, verifyAssertion } from './webauthn.ts'
import type { AssertionJson, RequestOptions } from './wire.ts'

/** A passkey asked for: not to register one. */
export type PasskeyAsk = Ask & { readonly purpose: 'sign_in' | 'second_factor' | 'reauthentication' }

/**
 * What `navigator.credentials.get()` is to be given. Names the user's passkeys where it is known who asks; to sign in, the
 * authenticator says who it is. Stores nothing.
 */
export async function passkeyOptions(
  db: Database,
  deps: PasskeyDeps,
  ask: PasskeyAsk,
  now: Date,
): Promise<RequestOptions> {
  const options = {
    rpId: deps.relyingParty().id,
    challenge: Buffer.from(makeChallenge(deps, ask, now)).toString('base64url'),
    timeout: CHALLENGE_LIFETIME,
    userVerification: ask.purpose === 'second_factor' ? 'preferred' : 'required',
  } as const
  if (ask.userId === undefined) return options
  return { ...options, allowCredentials: (await store.listOf(db, ask.userId)).map(descriptorOf) }
}

export const descriptorOf = ({ credentialId, transports }: store.Passkey) => ({
  id: credentialId,
  type: 'public-key' as const,
  ...(transports !== '' && { transports: transports.split(' ') }),
})

interface CheckedFacts extends AssertionFacts {
  readonly passkey: store.Passkey
  readonly challenge: string
  readonly challengeEndsAt: Date
}

/** What a passkey signed, examined; worth nothing until `provePasskey` takes it. A refused one still counts there. */
export type CheckedPasskey = Verified<CheckedFacts> | (Refused & { readonly userId?: number })

/**
 * Examines what a passkey signed: the slow part, before any transaction. Changes nothing. To sign in, the user must be
 * verified by the authenticator, since the passkey stands alone there.
 */
export async function checkPasskey(
  db: Database,
  deps: PasskeyDeps,
  ask: PasskeyAsk,
  response: AssertionJson,
  now: Date,
): Promise<CheckedPasskey> {
  const passkey = await store.findByCredential(db, response.id)
  if (!passkey) return refused('no such passkey')
  const { userId } = passkey
  if (ask.userId !== undefined && userId !== ask.userId) return refused("another user's passkey")
  if (!isOfUser(passkey, response.response.userHandle, ask)) return { ...refused('another user handle'), userId }
  let challenge: { readonly challenge: string; readonly challengeEndsAt: Date } | undefined
  const verified = await verifyAssertion(
    deps.relyingParty(),
    { passkey, response },
    ask.purpose === 'sign_in',
    (given) => {
      const challengeEndsAt = challengeEnd(deps, ask, given, now)
      if (challengeEndsAt) challenge = { challenge: given as string, challengeEndsAt }
      return challengeEndsAt !== undefined
    },
  )
  if (verified.kind === 'refused') return { ...verified, userId }
  return { ...verified, ...challenge!, passkey }
}

/** Whom the authenticator knows the passkey by. It must say so where nobody else does (WebAuthn Level 3 §7.2, step 6). */
function isOfUser({ userHandle }: store.Passkey, given: string | null | undefined, ask: PasskeyAsk): boolean {
  if (given === undefined || given === null) return ask.userId !== undefined
  return equalInConstantTime(userHandle, Buffer.from(given, 'base64url'))
}

export type PasskeyProof =
  | {
      readonly kind: 'proven'
      readonly userId: number
      readonly passkeyId: string
      /** By a finger, a face or a PIN: then it is two factors in one. */
      readonly userVerified: boolean
      /** RFC 8176 §2; without `mfa`, which follows from all that was proven. */
      readonly amr: readonly string[]
    }
  | NotProven

export interface NotProven extends Refused {
  /** Whose passkey it is, where it is anybody's. */
  readonly userId?: number
  /** `locked`: too many refused ones in a row. `copied`: its counter did not go on. */
  readonly because?: 'locked' | 'copied'
}

/**
 * Takes what `checkPasskey` examined: its challenge is good once however many ask at the same time (invariant I4), its
 * counter goes on. Where it is known who asks, a refusal counts against the method and a success begins the count anew. A
 * passkey that is most likely a copy is told to its user; wake the messages after the commit. Takes a transaction, whose
 * "no" must be committed.
 */
export async function provePasskey(
  db: Database,
  deps: PasskeyDeps,
  { purpose, userId }: PasskeyAsk,
  checked: CheckedPasskey,
  now: Date,
): Promise<PasskeyProof> {
  const owner = checked.kind === 'verified' ? checked.passkey.userId : userId
  // Before any row of his, as whoever removes a factor or an account does: or each could wait for the other.
  if (owner !== undefined) await lockUser(db, owner)
  if (userId === undefined) return take(db, deps, checked, now)
  const tried = { userId, method: 'passkey', purpose } as const
  const { lockAfter } = deps.rules
  // Before comparing, so that of tries at once no more are compared than may be.
  const failures = await countFailure(db, tried)
  if (lockAfter !== undefined && failures > lockAfter)
    return { ...refused('too many refused in a row'), userId, because: 'locked' }
  const proof = await take(db, deps, checked, now)
  if (proof.kind === 'proven') await forgetFailures(db, userId, tried)
  return proof
}

async function take(db: Database, deps: PasskeyDeps, checked: CheckedPasskey, now: Date): Promise<PasskeyProof> {
  if (checked.kind === 'refused') return checked
  const { passkey, signCount, isBackedUp, userVerified } = checked
  const { id, userId } = passkey
  if (!(await takeChallenge(db, checked.challenge, checked.challengeEndsAt))) {
    return { ...refused('challenge used before'), userId }
  }
  if (!(await store.recordUse(db, { id, signCount, isBackedUp, now }))) {
    await tellOfCopy(db, deps, passkey, now)
    return { ...refused('counter did not go on'), userId, because: 'copied' }
  }
  // Key held in hardware, or one that is copied between devices; someone was there (RFC 8176 §2).
  const amr = [passkey.isBackupEligible ? 'swk' : 'hwk', 'user']
  return { kind: 'proven', userId, passkeyId: id, userVerified, amr }
}

async function tellOfCopy(db: Database, deps: PasskeyDeps, { userId, id, name }: store.Passkey, now: Date) {
  const user = await findById(db, userId)
  const isThere = (await store.listOf(db, userId)).some((passkey) => passkey.id === id)
  if (user && isThere) await notify(db, deps, user, { kind: 'passkey_copied', facts: { name } }, now)
}
