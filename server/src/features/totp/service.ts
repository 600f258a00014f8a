import type { Database } from '../../database/schema.ts'
import { type Random, uuidv7 } from '../../kernel/random.ts'
import { seal, type Secret, unseal } from '../../kernel/secret.ts'
import { countFailure, forgetFailures } from '../attempts/service.ts'
import { lockUser, type User } from '../users/service.ts'
import { type AppDetails, appDetails, matchingStep, SECRET_BYTES } from './algorithm.ts'
import * as store from './store.ts'

export type { AppDetails } from './algorithm.ts'
export { type ResealedTotps, resealTotps } from './reseal.ts'
export { findConfirmed as findTotp, remove as removeTotps } from './store.ts'

export interface TotpDeps {
  readonly secret: Secret
  readonly random: Random
  /** What the app shows beside the e-mail address. */
  readonly productName: string
  readonly rules: {
    /** Wrong codes in a row that lock the method for a purpose; undefined: never. */
    readonly lockAfter: number | undefined
  }
}

/** Whether the user has an authenticator app that was confirmed. */
export const hasTotp = async (db: Database, userId: number): Promise<boolean> =>
  (await store.findConfirmed(db, userId)) !== undefined

/**
 * Makes a secret for an authenticator app and gives what the app needs, shown this once. It counts from its confirmation on;
 * until then a confirmed one goes on working, and another beginning takes its place. Takes a transaction.
 */
export async function beginTotp(
  db: Database,
  { secret, random, productName }: TotpDeps,
  user: User,
  now: Date,
): Promise<AppDetails> {
  // Not while one is being confirmed.
  await lockUser(db, user.id)
  const id = uuidv7(random, now)
  const bytes = random.bytes(SECRET_BYTES)
  const sealedSecret = seal(secret.key('totp-secret'), bytes, id, random)
  await store.replaceWaiting(db, { id, userId: user.id, sealedSecret, createdAt: now })
  return appDetails(bytes, productName, user.email)
}

export type TotpConfirmation = 'confirmed' | 'wrong' | 'not_begun'

/**
 * Confirms the app that waits by a code it shows, in place of the one confirmed before; the same code opens nothing after it.
 * Failures are not counted: whoever may try was shown the secret. Takes a transaction.
 */
export async function confirmTotp(
  db: Database,
  deps: TotpDeps,
  userId: number,
  code: string,
  now: Date,
): Promise<TotpConfirmation> {
  await lockUser(db, userId)
  const totp = await store.findWaiting(db, userId)
  if (!totp) return 'not_begun'
  const step = matchingStep(secretOf(deps, totp), code, now)
  if (step === undefined) return 'wrong'
  await store.removeConfirmed(db, userId)
  if (!(await store.confirm(db, totp.id, step, now))) return 'not_begun' // every app was removed at that moment
  // What was tried wrong was the old app's.
  await forgetFailures(db, userId, { method: 'totp' })
  return 'confirmed'
}

/** `none`: the user has no confirmed app. `locked`: too many wrong codes in a row for this purpose. */
export type TotpProof = 'right' | 'wrong' | 'locked' | 'none'

/**
 * Takes a code of the user's app: six ASCII digits of this 30-second step or one either side, each step once however many ask
 * at the same time (RFC 6238 §5.2; invariant I4). Counts failures. Takes a transaction, whose "no" must be committed.
 */
export async function verifyTotp(
  db: Database,
  deps: TotpDeps,
  { userId, purpose }: { readonly userId: number; readonly purpose: string },
  code: string,
  now: Date,
): Promise<TotpProof> {
  const totp = await store.findConfirmed(db, userId)
  if (!totp) return 'none'
  const { lockAfter } = deps.rules
  // Before comparing, so that of tries at once no more are compared than may be.
  const failures = await countFailure(db, { userId, method: 'totp', purpose })
  if (lockAfter !== undefined && failures > lockAfter) return 'locked'
  const step = matchingStep(secretOf(deps, totp), code, now)
  if (step === undefined || !(await store.takeStep(db, totp.id, step))) return 'wrong'
  await forgetFailures(db, userId, { method: 'totp', purpose })
  return 'right'
}

function secretOf({ secret }: TotpDeps, { id, sealedSecret }: store.Totp): Uint8Array {
  const bytes = unseal(secret.key('totp-secret'), sealedSecret, id)
  if (!bytes) throw new Error(`the secret of the authenticator app ${id} does not open under SECRET_KEY`)
  return bytes
}
