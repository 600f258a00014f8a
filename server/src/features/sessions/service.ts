import type { Database } from '../../database/schema.ts'
import { networkOf } from '../../http/client-address.ts'
import type { Act } from '../../kernel/act.ts'
import { after, type Duration } from '../../kernel/duration.ts'
import { type Audit, deviceName } from '../audit/service.ts'
import type { Language } from '../../kernel/language.ts'
import { type Random, uuidv7 } from '../../kernel/random.ts'
import { type Messages, notify } from '../messages/service.ts'
import type { AccessClaims, Tokens } from '../tokens/service.ts'
import { findStanding, lockUser, type User, type UserStanding } from '../users/service.ts'
import { idleEnd, type Rotation, type RotationRules, rotate, standingOf } from './rotation.ts'
import * as pendingStore from './pending-store.ts'
import * as store from './store.ts'

export { beginPending, type FirstStep, pendingPair } from './pending.ts'
export {
  end as endPending,
  findWaiting as findPending,
  type PendingSignIn,
  removeExpired as removeExpiredPending,
} from './pending-store.ts'
export { endByRefresh } from './ending.ts'
export { hasSessionFrom, isFamiliar, knownBySession } from './familiar.ts'
export type { EndReason, Session } from './store.ts'
export {
  channelProof,
  countLive,
  findById as findSession,
  lastUse,
  forgetProofs,
  markProven,
  removeExpired,
} from './store.ts'
export type { RotationRules } from './rotation.ts'

export interface SessionRules extends RotationRules {
  /** From the sign-in to the fixed end. */
  readonly refreshLifetime: Duration
}

export interface SessionDeps {
  readonly tokens: Tokens
  readonly random: Random
  readonly rules: SessionRules
  readonly messages: Messages
  readonly audit: Audit
  readonly defaultLanguage: Language
}

/** Where a sign-in came from, as the user will see it in the list of sessions. */
export interface Origin {
  readonly ip: string
  readonly userAgent: string
}

/** What a sign-in proved: NIST's level of assurance and the methods, by their names in RFC 8176 §2. */
export interface Assurance {
  readonly acr: 'aal1' | 'aal2'
  readonly amr: readonly string[]
}

export const PASSWORD_ALONE: Assurance = { acr: 'aal1', amr: ['pwd'] }

// Far more than one person's devices; a bound on what a stolen password can pile up.
const MAX_SESSIONS = 50

const MAX_USER_AGENT = 300

/** What of a request a sign-in keeps. */
export const originOf = ({ ip, userAgent }: Act): Origin => ({
  ip: ip ?? '',
  userAgent: userAgent.slice(0, MAX_USER_AGENT).toWellFormed(),
})

/** Ends every session of the user and every sign-in that waits; tells how many sessions lived. */
export async function endAll(db: Database, userId: number, reason: store.EndReason, now: Date): Promise<number> {
  await pendingStore.endAll(db, userId, now)
  return store.endAll(db, userId, reason, now)
}

/** Ends every session of the user but this one, and every sign-in that waits; tells how many sessions lived. */
export async function endOthers(
  db: Database,
  others: Parameters<typeof store.endOthers>[1],
  reason: store.EndReason,
  now: Date,
): Promise<number> {
  await pendingStore.endAll(db, others.userId, now)
  return store.endOthers(db, others, reason, now)
}

/** Ends everyone's; tells how many sessions lived. */
export async function endEveryones(db: Database, reason: store.EndReason, now: Date): Promise<number> {
  await pendingStore.endAll(db, undefined, now)
  return store.endEveryones(db, reason, now)
}

/** Begins a session. The longest idle one leaves when a user has 50. Takes a transaction that holds the user. */
export async function begin(
  db: Database,
  { random, rules }: Pick<SessionDeps, 'random' | 'rules'>,
  { userId, acr, amr }: Assurance & { readonly userId: number },
  origin: Origin,
  now: Date,
): Promise<store.Session> {
  const expiresAt = after(now, rules.refreshLifetime)
  await store.endOldest(db, userId, MAX_SESSIONS - 1, now)
  return store.insert(db, {
    id: uuidv7(random, now),
    userId,
    rotatedAt: now,
    createdAt: now,
    authenticatedAt: now,
    lastUsedAt: now,
    idleExpiresAt: idleEnd(rules, { expiresAt }, now),
    expiresAt,
    acr,
    amr: amr.join(' '),
    ip: origin.ip,
    userAgent: origin.userAgent,
    device: deviceName(origin.userAgent),
    network: networkOf(origin.ip),
  })
}

export interface TokenPair {
  readonly refresh: string
  readonly access: string
}

/** The session's newest refresh token, the same bytes each time, and a new access token. */
export function tokenPair({ tokens }: SessionDeps, session: store.Session, user: User, now: Date): TokenPair {
  const { id: sessionId, userId, generation, rotatedAt, expiresAt } = session
  return {
    refresh: tokens.refreshToken({ sessionId, userId, generation, issuedAt: rotatedAt, expiresAt }),
    access: tokens.signAccess(
      {
        userId,
        sessionId,
        authenticatedAt: session.authenticatedAt,
        acr: session.acr,
        amr: session.amr.split(' '),
        emailVerified: user.emailVerifiedAt !== null,
        phoneVerified: user.phoneVerifiedAt !== null,
      },
      now,
    ),
  }
}

/** What is wrong with a token, in simplejwt's words. */
export type TokenFault = 'invalid' | 'expired' | 'wrong_type' | 'blacklisted'

export type Bearer =
  /** Someone whose sign-in waits for its second step. */
  | { readonly kind: 'candidate'; readonly user: UserStanding; readonly userId: number; readonly pendingId: string }
  | { readonly kind: 'live'; readonly user: UserStanding; readonly claims: AccessClaims }
  | { readonly kind: 'bad_token'; readonly fault: TokenFault }
  | { readonly kind: 'user_not_found' }
  | { readonly kind: 'user_inactive' }

/** Whom an access token speaks for: asks the token, its session and its user, at this moment. */
export async function authenticate(db: Database, { tokens }: SessionDeps, token: string, now: Date): Promise<Bearer> {
  const verdict = tokens.verifyAccess(token, now)
  if (verdict.kind === 'wrong_type') return authenticateCandidate(db, tokens, token, now)
  if (verdict.kind !== 'valid') return { kind: 'bad_token', fault: verdict.kind }
  const { claims } = verdict
  const row = await store.findBearer(db, claims.userId, claims.sessionId)
  if (!row) return { kind: 'user_not_found' }
  if (row.deactivatedAt) return { kind: 'user_inactive' }
  // No row of a session: it is not his, or gone.
  if (row.endedAt || row.expiresAt === null) return { kind: 'bad_token', fault: 'blacklisted' }
  if (row.expiresAt <= now) return { kind: 'bad_token', fault: 'expired' }
  return { kind: 'live', user: row, claims }
}

/** A second-factor token is good while its sign-in waits, and for who asks for such a one; any other is of the wrong type. */
async function authenticateCandidate(db: Database, tokens: Tokens, token: string, now: Date): Promise<Bearer> {
  const verdict = tokens.verifySecondFactor(token, now)
  if (verdict.kind !== 'valid') return { kind: 'bad_token', fault: 'wrong_type' }
  const { pendingId, userId } = verdict.claims
  const [pending, user] = await Promise.all([pendingStore.findWaiting(db, pendingId, now), findStanding(db, userId)])
  if (!user) return { kind: 'user_not_found' }
  if (user.deactivatedAt) return { kind: 'user_inactive' }
  if (pending?.userId !== userId) return { kind: 'bad_token', fault: 'blacklisted' }
  return { kind: 'candidate', user, userId, pendingId }
}

export type PresentedRefresh =
  | { readonly kind: 'ours'; readonly sessionId: string; readonly generation: number }
  | { readonly kind: 'bad_token'; readonly fault: TokenFault }

/** Proves a refresh token to be ours; says nothing of its session. */
export function readRefresh({ tokens }: SessionDeps, token: string, now: Date): PresentedRefresh {
  const verdict = tokens.verifyRefresh(token, now)
  if (verdict.kind !== 'valid') return { kind: 'bad_token', fault: verdict.kind }
  return { kind: 'ours', sessionId: verdict.claims.sessionId, generation: verdict.claims.generation }
}

/**
 * Takes a refresh token of ours for its successor; see `rotation.ts`. A token used again after its successor ends the
 * session, and its user is told.
 */
export async function refresh(
  db: Database,
  deps: SessionDeps,
  presented: { sessionId: string; generation: number },
  act: Act,
  now: Date,
): Promise<Rotation> {
  const rotation = await rotate(db, deps.rules, presented, now)
  if (rotation.kind !== 'reused') return rotation
  await db.transaction().execute((db) => endReused(db, deps, rotation.session, act, now))
  deps.messages.wake()
  return rotation
}

async function endReused(db: Database, deps: SessionDeps, session: store.Session, act: Act, now: Date): Promise<void> {
  // Before his session: the notice needs the user's row, and whoever deletes or moves him holds that and asks for this.
  const user = await lockUser(db, session.userId)
  if (!user || !(await store.end(db, session.id, 'refresh_token_reused', now))) return
  const facts = { signedInAt: session.createdAt, ip: session.ip }
  await notify(db, deps, user, { kind: 'refresh_token_reused', facts }, now)
  const details = { session: session.id }
  await deps.audit.record(db, act, { type: 'refresh_token_reused', result: 'failure', userId: user.id, details }, now)
}

/** What a refresh token of ours is worth at this moment; changes nothing. */
export async function refreshStanding(
  db: Database,
  { rules }: SessionDeps,
  presented: { sessionId: string; generation: number },
  now: Date,
): Promise<'live' | 'expired' | 'blacklisted'> {
  const session = await store.findById(db, presented.sessionId)
  const standing = standingOf(rules, session, presented.generation, now)
  if (standing === 'expired') return 'expired'
  const user = session && (await findStanding(db, session.userId))
  if (!user || user.deactivatedAt) return 'blacklisted'
  return standing === 'current' || standing === 'predecessor' ? 'live' : 'blacklisted'
}
