import type { Database } from '../../database/schema.ts'
import type { Act } from '../../kernel/act.ts'
import { type Email, emailKey } from '../../kernel/address.ts'
import { maskedAddress } from '../audit/service.ts'
import { type FactorRules, usableMethods } from '../factors/service.ts'
import type { OwnChallenge } from '../otp/service.ts'
import { channelProof, findSession, forgetProofs, markProven, type Session } from '../sessions/service.ts'
import {
  emailColumns,
  findById,
  isEmailTaken,
  isPhoneVerifiedByAnother,
  type MailboxRule,
  standingOf,
  updateAddress,
  type User,
  type UserChanges,
  verifiedAt,
} from '../users/service.ts'
import type { AddressRules } from './addresses.ts'
import { type ChangeDeps, completeChange } from './changes.ts'
import { recordPhoneSignInOff } from './phone-sign-in.ts'
import { takenNotice } from './taken-notice.ts'

export type Applied =
  | { readonly kind: 'verified' }
  /** Right code, wrong moment: the address is no longer the user's. */
  | { readonly kind: 'wrong_code' }
  /** Another user has it, verified, or took it meanwhile. The code is used up all the same. */
  | { readonly kind: 'phone_in_use' }
  | { readonly kind: 'email_taken' }

export interface ProofDeps extends ChangeDeps, AddressRules {
  readonly factorRules: FactorRules
}

/** What a proven address makes of its user and of the session that proved it. Takes the transaction that used the code up. */
export async function applyProof(
  db: Database,
  deps: ProofDeps,
  challenge: OwnChallenge,
  act: Act,
  now: Date,
): Promise<Applied> {
  const session = await findSession(db, challenge.asker)
  const user = session && (await findById(db, challenge.userId))
  if (!session || !user) return { kind: 'wrong_code' }
  // Asked before the proof changes the user: only what was a factor already can have been passed.
  const factors = await usableMethods(db, deps.factorRules, user)
  const applied = await applyToUser(db, deps, user, challenge, act, now)
  if (applied.kind === 'verified') {
    const isFactor = factors.includes(challenge.channel) && isPassed(session, challenge, user)
    await markProven(db, session.id, sessionProof(session, challenge, isFactor, now))
  }
  return applied
}

/**
 * The same where there is no session yet: what a proven address makes of its user. Throws where somebody else was first to have
 * the address: run the transaction through `settleConflict`.
 */
export async function applyToUser(
  db: Database,
  deps: ProofDeps,
  user: User,
  challenge: OwnChallenge,
  act: Act,
  now: Date,
): Promise<Applied> {
  const { channel, purpose } = challenge
  const proven =
    channel === 'email'
      ? await emailProof(db, deps.mailboxes, user, challenge, now)
      : await phoneProof(db, user, challenge, now)
  if ('kind' in proven) {
    if (proven.kind !== 'wrong_code') await recordRefusal(db, deps, challenge, proven.kind, act, now)
    return proven.kind === 'email_taken' && deps.isNeutral ? tellTaken(db, deps, user, act, now) : proven
  }
  await updateAddress(db, user.id, proven, now)
  if (purpose === 'address_change') await forgetProofs(db, user.id, channel)
  await tell(db, deps, user, challenge, act, now)
  return { kind: 'verified' }
}

/** Taken since the code was sent. Whoever proved it reads the address: by mail he may learn what an answer must not tell. */
async function tellTaken(db: Database, deps: ProofDeps, user: User, act: Act, now: Date): Promise<No> {
  const to = user.pendingEmail as Email
  const standing = await standingOf(db, emailColumns(deps.mailboxes, to), now, user.id)
  const unsent = { to, language: user.language ?? deps.defaultLanguage, ip: act.ip ?? '' }
  await deps.codes.messages.enqueue(db, takenNotice('address_taken', standing, unsent), now)
  return { kind: 'wrong_code' }
}

const recordRefusal = (
  db: Database,
  { audit }: ProofDeps,
  { userId, channel, purpose }: OwnChallenge,
  reason: string,
  act: Act,
  now: Date,
): Promise<void> => {
  const type = purpose === 'verification' ? (`${channel}_verified` as const) : (`${channel}_changed` as const)
  return audit.record(db, act, { type, userId, result: 'failure', details: { reason } }, now)
}

/** Puts on record, and tells, what was new in it: an address verified already may be proven once more, by another session. */
async function tell(
  db: Database,
  deps: ProofDeps,
  user: User,
  { channel, purpose, address }: OwnChallenge,
  act: Act,
  now: Date,
): Promise<void> {
  if (purpose === 'address_change') {
    const to = channel === 'email' ? user.pendingEmail : address
    await completeChange(db, deps, { user, kind: `${channel}_changed`, to }, act, now)
    if (channel === 'phone') await recordPhoneSignInOff(db, deps, user, act, now)
  } else if (channel === 'phone' && user.phoneVerifiedAt === null) {
    await completeChange(db, deps, { user, kind: 'phone_verified', to: address }, act, now)
  } else if (channel === 'email' && user.emailVerifiedAt === null) {
    const details = { address: maskedAddress(address) }
    await deps.audit.record(db, act, { type: 'email_verified', userId: user.id, details }, now)
  }
}

type No = Exclude<Applied, { kind: 'verified' }>

async function emailProof(
  db: Database,
  rule: MailboxRule,
  user: User,
  { address, purpose }: OwnChallenge,
  now: Date,
): Promise<UserChanges | No> {
  if (purpose === 'verification') {
    return address === user.emailKey
      ? { emailVerifiedAt: user.emailVerifiedAt ?? now, ...firstProof(user, now) }
      : { kind: 'wrong_code' }
  }
  const pending = user.pendingEmail as Email | null
  if (pending === null || emailKey(pending) !== address) return { kind: 'wrong_code' }
  const columns = emailColumns(rule, pending)
  if (await isEmailTaken(db, columns, now, user.id)) return { kind: 'email_taken' }
  return { ...columns, emailVerifiedAt: now, pendingEmail: null, ...firstProof(user, now) }
}

/** Remembered for good: what a later reset may void depends on it. */
const firstProof = (user: User, now: Date): UserChanges => ({ emailFirstProvenAt: user.emailFirstProvenAt ?? now })

async function phoneProof(
  db: Database,
  user: User,
  { address, purpose }: OwnChallenge,
  now: Date,
): Promise<UserChanges | No> {
  if (address !== (purpose === 'verification' ? user.phone : user.pendingPhone)) return { kind: 'wrong_code' }
  if (await isPhoneVerifiedByAnother(db, address, user.id, now)) return { kind: 'phone_in_use' }
  if (purpose === 'verification') return { phoneVerifiedAt: user.phoneVerifiedAt ?? now }
  // Who lets codes to one number begin a sign-in has not said so of another.
  return { phone: address, phoneVerifiedAt: now, pendingPhone: null, phoneSignInSince: null }
}

/** RFC 8176 §2: a code by SMS is `sms`, one by e-mail the general `otp`. */
const METHOD = { email: 'otp', phone: 'sms' } as const

/**
 * A first proof only says that the address is the user's; a code to an address verified before this session began is a
 * second factor passed.
 */
function isPassed({ createdAt }: Session, { channel, purpose }: OwnChallenge, user: User): boolean {
  const since = verifiedAt(user, channel)
  return purpose === 'verification' && since !== null && since < createdAt
}

/** A factor passed raises the session (RFC 8176 `mfa`). */
function sessionProof({ amr }: Session, { channel }: OwnChallenge, isFactor: boolean, now: Date) {
  const methods = new Set([...amr.split(' '), METHOD[channel], 'mfa'])
  return {
    ...channelProof(channel, now),
    // `auth_time` stays: a code alone is no sign-in.
    ...(isFactor && { acr: 'aal2' as const, amr: [...methods].join(' ') }),
  }
}
