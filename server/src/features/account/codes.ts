import type { Database } from '../../database/schema.ts'
import type { Act } from '../../kernel/act.ts'
import { type Email, emailKey } from '../../kernel/address.ts'
import type { Language } from '../../kernel/language.ts'
import type { Remember } from '../idempotency/service.ts'
import type { Message } from '../messages/service.ts'
import {
  type Binding,
  type Channel,
  type CodeDeps,
  type DestinationLimits,
  destinationOf,
  hasOpen,
  type Issue,
  issue,
  verify,
  whyNotIssue,
} from '../otp/service.ts'
import { findSession, type Session } from '../sessions/service.ts'
import {
  emailColumns,
  findById,
  lockUser,
  onFile,
  pendingAddress,
  settleConflict,
  standingOf,
  type User,
  verifiedAt,
} from '../users/service.ts'
import { type Applied, applyProof, type ProofDeps } from './proof.ts'
import { takenNotice } from './taken-notice.ts'

export interface AddressCodeDeps extends ProofDeps {
  readonly db: Database
  readonly codes: CodeDeps
  readonly destinations: DestinationLimits
  /** Whether a message to this channel can leave at all. */
  readonly isAvailable: (channel: Channel) => boolean
}

/** How a code is asked for. */
export interface CodeAsked {
  readonly language: Language
  /** What whoever asks is counted by: `networkOf` his address. */
  readonly network: string
  /** Keeps the answer, where the code is what the request is for. */
  readonly remember?: Remember<void>
}

/** Who asks for a code to an address of his own. */
export interface Asker extends CodeAsked {
  readonly session: Session
  readonly user: User
}

export type Sending =
  | Issue
  | { readonly kind: 'no_address' }
  | { readonly kind: 'already_verified' }
  | { readonly kind: 'unavailable' }
  | { readonly kind: 'gone' }
  | { readonly kind: 'destination_full'; readonly retryAfterSeconds: number }

/** Sends a code to the channel's address: the one that waits to take the other's place, else the one on file. */
export async function sendCode(deps: AddressCodeDeps, asker: Asker, channel: Channel, now: Date): Promise<Sending> {
  const { user, session, ...asked } = asker
  const target = targetOf(user, channel)
  if (!target) return { kind: 'no_address' }
  if (target.purpose === 'verification' && isProven(asker, channel)) return { kind: 'already_verified' }
  const { to, ...aim } = target
  const binding: Binding = { userId: user.id, asker: session.id, channel, ...aim }
  return sendTo(deps, { ...asked, binding, to, isOwners: isVerifiedOwner(user, binding) }, now)
}

/** A code that is to be sent to an address of the user's. */
export interface Parcel extends CodeAsked {
  readonly binding: Binding
  readonly to: string
  /** Whether the user has proven the address: its owner's budget is apart from strangers'. */
  readonly isOwners: boolean
  /** What more than a user it takes. Asked in the transaction that stores the code, since much may have happened before. */
  readonly isDue?: (db: Database) => Promise<boolean>
}

/** Sends a code within the limits of its binding and of its address. */
export async function sendTo(
  deps: AddressCodeDeps,
  { binding, isDue = async () => true, remember, ...envelope }: Parcel,
  now: Date,
): Promise<Sending> {
  const { db, codes } = deps
  if (!deps.isAvailable(binding.channel)) return { kind: 'unavailable' }
  const refusal = await whyNotIssue(db, codes, binding, now)
  if (refusal) return refusal
  const issued = await db.transaction().execute(async (db): Promise<Sending> => {
    // An account deleted meanwhile can have no code; nor may it be while the code is stored.
    const isThere = (await lockUser(db, binding.userId)) !== undefined
    if (!isThere || !(await isDue(db))) return { kind: 'gone' }
    const refusal = await whyNotSend(db, deps, binding, envelope, now)
    if (refusal) return refusal
    const instead = await insteadOfCode(db, deps, binding, envelope, now)
    const issued = await issue(db, codes, binding, { ...envelope, ...(instead && { instead }) }, now)
    if (issued.kind === 'sent') await remember?.(db)
    return issued
  })
  codes.messages.wake()
  return issued
}

/** Asked again of the binding, so that of requests racing for one code one counts against the address. */
async function whyNotSend(
  db: Database,
  { codes, destinations }: AddressCodeDeps,
  binding: Binding,
  { to, isOwners }: Pick<Parcel, 'to' | 'isOwners'>,
  now: Date,
): Promise<Sending | undefined> {
  const refusal = await whyNotIssue(db, codes, binding, now)
  if (refusal) return refusal
  const wait = await destinations.take(db, destinationOf(binding.channel, to), isOwners, now)
  return wait === undefined ? undefined : { kind: 'destination_full', retryAfterSeconds: wait }
}

/** Asked where nobody is told that an address is taken: a code to it would be somebody else's mail. */
async function insteadOfCode(
  db: Database,
  { mailboxes, isNeutral }: AddressCodeDeps,
  { userId, channel, purpose }: Binding,
  { to, language, network }: Pick<Parcel, 'to' | 'language' | 'network'>,
  now: Date,
): Promise<Message | undefined> {
  if (!isNeutral || channel !== 'email' || purpose !== 'address_change') return undefined
  const standing = await standingOf(db, emailColumns(mailboxes, to as Email), now, userId)
  return standing.isTaken ? takenNotice('address_taken', standing, { to, language, ip: network }) : undefined
}

function targetOf(user: User, channel: Channel): (Pick<Binding, 'address' | 'purpose'> & { to: string }) | undefined {
  const pending = pendingAddress(user, channel)
  if (pending !== null) {
    const address = channel === 'email' ? emailKey(pending as Email) : pending
    return { to: pending, address, purpose: 'address_change' }
  }
  const current = onFile(user, channel)
  return current && { to: current.to, address: current.key, purpose: 'verification' }
}

/** Verified, and shown by this very session to be in the user's hands: nothing is left to prove. */
function isProven({ user, session }: Pick<Asker, 'user' | 'session'>, channel: Channel): boolean {
  const provenAt = channel === 'email' ? session.emailProvenAt : session.phoneProvenAt
  return verifiedAt(user, channel) !== null && provenAt !== null
}

const isVerifiedOwner = (user: User, { channel, purpose }: Binding): boolean =>
  purpose === 'verification' && verifiedAt(user, channel) !== null

export type Proving = Applied | { readonly kind: 'wrong_code' } | { readonly kind: 'nothing_to_verify' }

const PROVING = ['verification', 'address_change'] as const

/** Takes a code; a right one proves its address. All in one transaction, a wrong code's cost included. */
export async function proveCode(
  deps: AddressCodeDeps,
  { userId, sessionId }: { userId: number; sessionId: string },
  code: string,
  act: Act,
  now: Date,
): Promise<Proving> {
  const proving = await settleConflict(() =>
    deps.db.transaction().execute(async (db): Promise<Proving> => {
      // First of all, as an undo does: whichever of the two is first, the other sees all of it.
      await lockUser(db, userId)
      const proof = await verify(db, deps.codes, { asker: sessionId, purposes: PROVING }, code, now)
      if (proof.kind === 'right') return applyProof(db, deps, proof.challenge, act, now)
      return explainNo(db, { userId, sessionId }, now)
    }),
  )
  deps.codes.messages.wake()
  return proving
}

/** Whether a code could have been right at all: what the origin's clients tell apart. */
async function explainNo(
  db: Database,
  { userId, sessionId }: { userId: number; sessionId: string },
  now: Date,
): Promise<Proving> {
  const [user, session] = [await findById(db, userId), await findSession(db, sessionId)]
  if (!user || !session) return { kind: 'wrong_code' }
  const isEveryAddressProven = (['email', 'phone'] as const).every((channel) => {
    const target = targetOf(user, channel)
    return !target || (target.purpose === 'verification' && isProven({ user, session }, channel))
  })
  const nothingLeft = isEveryAddressProven && !(await hasOpen(db, sessionId, now))
  return { kind: nothingLeft ? 'nothing_to_verify' : 'wrong_code' }
}
