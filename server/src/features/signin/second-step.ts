import type { Database } from '../../database/schema.ts'
import type { Act } from '../../kernel/act.ts'
import type { Method } from '../factors/service.ts'
import { channelProof, endPending, findPending, markProven, type PendingSignIn } from '../sessions/service.ts'
import { lockUser, update, type User } from '../users/service.ts'
import { complete, type CompleteDeps, type SignedIn } from './complete.ts'

/** RFC 8176 §2: what each method proves. A recovery code has no name there but the general one. */
export const AMR: Readonly<Record<Method, string>> = {
  email: 'otp',
  phone: 'sms',
  totp: 'otp',
  passkey: 'hwk',
  recovery_code: 'otp',
}

/** Who has proven a first factor and is nobody yet. */
export interface Candidate {
  readonly pendingId: string
}

/** What passed the second step; `amr` where the proof itself says more than its method does. */
export interface Passed {
  readonly method: Method
  readonly amr?: readonly string[]
}

/**
 * Opens the session of a sign-in whose second step was just proven in this transaction. Undefined when another step, a
 * logout or whatever ends sessions was first: the proof is used up all the same.
 */
export async function finish(
  db: Database,
  deps: CompleteDeps,
  pendingId: string,
  passed: Passed,
  act: Act,
  now: Date,
): Promise<SignedIn | undefined> {
  const waiting = await findPending(db, pendingId, now)
  // Held before all else, as whoever ends sessions does: he either sees the session that begins here, or ended this first.
  const found = waiting && (await lockUser(db, waiting.userId))
  const pending = found && (await endPending(db, pendingId, now))
  if (!pending || found.deactivatedAt) return undefined
  const isFactor = pending.needs === 'second_factor'
  // Two factors were turned on at this moment, and the first proof of an address is none.
  if (!isFactor && found.twoFactorSince !== null) return undefined
  const user = isFactor ? await settleReset(db, found, passed.method) : found
  const signedIn = await complete(
    db,
    deps,
    {
      user,
      assurance: assuranceOf(pending, passed),
      deviceId: pending.deviceId ?? undefined,
      wantsDevice: pending.wantsDevice,
      ...(isFactor && { factor: passed.method }),
    },
    act,
    now,
  )
  const { method } = passed
  if (method === 'email' || method === 'phone') await markProven(db, signedIn.session.id, channelProof(method, now))
  return signedIn
}

/** The first proof of an address is no factor passed. */
function assuranceOf({ needs, amr }: PendingSignIn, { method, amr: own = [AMR[method]] }: Passed) {
  const first = amr.split(' ')
  // A passkey that verified its user was two factors already.
  const acr = first.includes('mfa') ? 'aal2' : 'aal1'
  if (needs === 'verification') return { acr, amr: first } as const
  return { acr: 'aal2' as const, amr: [...new Set([...first, ...own, 'mfa'])] }
}

/**
 * Another factor than e-mail has succeeded: whoever reset the password holds more than the mailbox, and a code by e-mail is a
 * factor again.
 */
export async function settleReset(db: Database, user: User, method: Method): Promise<User> {
  if (method === 'email' || user.passwordResetAt === null) return user
  return (await update(db, user.id, { passwordResetAt: null })) ?? user
}
