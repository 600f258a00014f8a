import { type Database, NOBODY } from '../../database/schema.ts'
import { networkOf } from '../../http/client-address.ts'
import { type Email, emailKey, type Phone } from '../../kernel/address.ts'
import type { Act } from '../../kernel/act.ts'
import type { Language } from '../../kernel/language.ts'
import { uuidv8 } from '../../kernel/random.ts'
import { keyedHash } from '../../kernel/secret.ts'
import { NEW_DEVICE, recognise } from '../attempts/service.ts'
import { type FactorHolder, usableMethods } from '../factors/service.ts'
import type { Remember } from '../idempotency/service.ts'
import {
  type Answered,
  type CodeDeps,
  type Cooldown,
  cooldownOf,
  type DestinationLimits,
  destinationOf,
  issueToAnyone,
  type OwnChallenge,
  ownerOf,
  type Sent,
  verifyChallenge,
} from '../otp/service.ts'
import { type Assurance, channelProof, hasSessionFrom, markProven } from '../sessions/service.ts'
import { findByEmail, findByVerifiedPhone, lockUser, type User } from '../users/service.ts'
import { complete, type SignedIn } from './complete.ts'
import { isAddressOf } from './factor-proof.ts'
import { type SecondStep, secondStep, type SignInDeps } from './service.ts'

export interface CodeSignInDeps extends Pick<SignInDeps, 'db' | 'secret' | 'random' | 'rules' | 'sessions'> {
  readonly codes: CodeDeps
  readonly destinations: DestinationLimits
}

/** Where someone wants a code sent, who says that he can read what comes there. */
export type Address =
  | { readonly channel: 'email'; readonly to: Email }
  | { readonly channel: 'phone'; readonly to: Phone }

/** How a code to sign in is asked for. */
export interface SignInCodeAsked {
  readonly act: Act
  /** For whoever has chosen none. */
  readonly language: Language
  /** A value given at a sign-in. */
  readonly device?: string | undefined
  readonly remember: Remember<Sent>
}

/** What truly came of it, as far as a lock or the SMS firewall let it: for the log of a developer, never for an answer. */
export type CodeOutcome = 'no_account' | 'may_not_begin' | 'destination_full' | 'code_asked_for'

/** What no user has to sign in by, asked for all the same. */
const NO_HOLDER: FactorHolder = { id: NOBODY, emailVerifiedAt: null, phoneVerifiedAt: null, passwordResetAt: null }

/**
 * Sends a code that signs in to whoever has this address verified. Whether anybody has, may sign in so, or was sent enough
 * already: the same answer and the same statements, and a challenge, perhaps one for which no code is right. The cooldown
 * counts by address and network, so that a stranger elsewhere does not hold the owner up.
 */
export async function askForCode(
  deps: CodeSignInDeps,
  address: Address,
  { act, language, device, remember }: SignInCodeAsked,
  now: Date,
): Promise<(Sent & { readonly outcome: CodeOutcome }) | Cooldown> {
  const { db, codes } = deps
  const network = networkOf(act.ip ?? '')
  const user = await holderOf(db, address)
  const mayBegin = await mayBeginWith(db, deps, user, address.channel)
  const binding = { asker: askerOf(deps, address, network), ...bindingOf(address), purpose: 'sign_in' } as const
  const wait = await cooldownOf(db, codes.rules, binding, now)
  if (wait) return wait
  const isOwner =
    (await recognise(db, deps, user?.id, device)) !== undefined ||
    (await hasSessionFrom(db, user?.id ?? NOBODY, network))
  const envelope = {
    to: user && address.channel === 'email' ? user.email : address.to,
    language: user?.language ?? language,
    network,
    isOwners: isOwner,
  }
  const issued = await db.transaction().execute(async (db) => {
    // Asked again: an account deleted meanwhile can have no code; nor may it be while the code is stored.
    const still = await lockUser(db, user?.id ?? NOBODY)
    // This too, so that of requests racing for one code one counts against the address.
    const wait = await cooldownOf(db, codes.rules, binding, now)
    if (wait) return wait
    const destination = destinationOf(address.channel, address.to)
    const isFull = (await deps.destinations.take(db, destination, isOwner, now)) !== undefined
    const userId = still && mayBegin && !isFull ? still.id : null
    const issued = await issueToAnyone(db, codes, { ...binding, userId }, envelope, now)
    if (issued.kind === 'cooldown') return issued
    await remember(db, issued)
    return { ...issued, outcome: outcomeOf(user, { mayBegin, isFull }) }
  })
  codes.messages.wake()
  return issued
}

function outcomeOf(user: User | undefined, { mayBegin, isFull }: { mayBegin: boolean; isFull: boolean }): CodeOutcome {
  if (!user) return 'no_account'
  if (!mayBegin) return 'may_not_begin'
  return isFull ? 'destination_full' : 'code_asked_for'
}

const holderOf = (db: Database, { channel, to }: Address): Promise<User | undefined> =>
  channel === 'email' ? findByEmail(db, to) : findByVerifiedPhone(db, to)

/** Whether a value is that of a device that has signed in to the account with this address, if there is one. */
export async function isKnownDeviceOf(
  { db, ...deps }: CodeSignInDeps,
  address: Address,
  device: string | undefined,
): Promise<boolean> {
  if (device === undefined) return false
  const user = await holderOf(db, address)
  return (await recognise(db, deps, user?.id, device)) !== undefined
}

/** With two factors on, only where another way than this channel is left to pass the second step. */
async function mayBeginWith(
  db: Database,
  { rules }: Pick<CodeSignInDeps, 'rules'>,
  user: User | undefined,
  channel: Address['channel'],
): Promise<boolean> {
  const others = await usableMethods(db, rules, user ?? NO_HOLDER, channel)
  if (!user || !isReachable(user, channel)) return false
  return user.twoFactorSince === null || others.length > 0
}

const isReachable = (user: User, channel: Address['channel']): boolean =>
  user.deactivatedAt === null &&
  (channel === 'email'
    ? user.emailVerifiedAt !== null
    : user.phoneVerifiedAt !== null && user.phoneSignInSince !== null)

/** Stands for an address and a network in place of a session, and tells neither. */
const askerOf = ({ secret }: CodeSignInDeps, address: Address, network: string): string =>
  uuidv8(keyedHash(secret.key('anonymous-asker'), address.channel, bindingOf(address).address, network))

const bindingOf = ({ channel, to }: Address) => ({ channel, address: channel === 'email' ? emailKey(to) : to })

/** What is sent to sign in by a code. */
export interface Answer {
  readonly challenge: string
  readonly code: string
  /** A value given earlier, or `new` to be given one. */
  readonly device?: string | undefined
}

export type CodeSignIn =
  | SignedIn
  | SecondStep
  /** Wrong, expired, used up, of nobody: one answer. */
  | { readonly kind: 'refused' }

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** Signs in by a code; all in one transaction, a wrong code's cost included. */
export async function signInByCode(deps: CodeSignInDeps, answer: Answer, act: Act, now: Date): Promise<CodeSignIn> {
  const { db, codes } = deps
  if (!UUID.test(answer.challenge)) return { kind: 'refused' }
  return db.transaction().execute(async (db): Promise<CodeSignIn> => {
    const asked = { id: answer.challenge.toLowerCase(), purpose: 'sign_in' } as const
    // Held before the code is tried, as whoever ends sessions or voids codes does: he either sees the session that begins
    // here, or was first.
    const user = await lockUser(db, (await ownerOf(db, asked.id)) ?? NOBODY)
    const answered = await verifyChallenge(db, codes, asked, answer.code, now)
    if (answered.kind === 'right')
      return enter(db, deps, { user, challenge: answered.challenge, device: answer.device }, act, now)
    if (answered.kind === 'wrong') await recordFailure(db, deps, answered, act, now)
    return { kind: 'refused' }
  })
}

/** Nobody's like a user's: whoever takes the time learns nothing. */
async function recordFailure(
  db: Database,
  { sessions: { audit } }: CodeSignInDeps,
  { userId, channel, isNowLocked }: Extract<Answered, { kind: 'wrong' }>,
  act: Act,
  now: Date,
): Promise<void> {
  const details = { reason: 'wrong_code', channel }
  await audit.record(db, act, { type: 'sign_in_failed', result: 'failure', userId, details }, now)
  if (!isNowLocked) return
  const locked = { method: channel, purpose: 'sign_in' }
  await audit.record(db, act, { type: 'method_locked', result: 'failure', userId, details: locked }, now)
}

/** RFC 8176 §2: a code by SMS is `sms`, one by e-mail the general `otp`. */
const ASSURANCE: Readonly<Record<Address['channel'], Assurance>> = {
  email: { acr: 'aal1', amr: ['otp'] },
  phone: { acr: 'aal1', amr: ['sms'] },
}

interface Entry {
  readonly user: User | undefined
  readonly challenge: OwnChallenge
  readonly device: string | undefined
}

async function enter(
  db: Database,
  deps: CodeSignInDeps,
  { user, challenge, device }: Entry,
  act: Act,
  now: Date,
): Promise<CodeSignIn> {
  const { channel, userId } = challenge
  // Since the code was sent the account may have been closed, the address changed, sign-in by phone turned off.
  if (!user || !isReachable(user, channel) || !isAddressOf(user, challenge)) return { kind: 'refused' }
  const known = await recognise(db, deps, userId, device)
  const assurance = ASSURANCE[channel]
  const asked = { deviceId: known?.id, wantsDevice: device === NEW_DEVICE }
  const second = await secondStep(db, deps, user, { userId, amr: assurance.amr, channel, ...asked }, act, now)
  if (second) return second
  const signedIn = await complete(db, deps, { user, assurance, ...asked }, act, now)
  await markProven(db, signedIn.session.id, channelProof(channel, now))
  return signedIn
}
