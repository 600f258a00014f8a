import type { Database } from '../../database/schema.ts'
import { after, before, type Duration } from '../../kernel/duration.ts'
import * as store from './store.ts'

/** How refresh tokens follow each other (`REFRESH_ROTATION`, `REFRESH_GRACE_SECONDS`, `REFRESH_IDLE_LIFETIME`). */
export interface RotationRules {
  readonly rotation: 'auto' | 'on'
  readonly refreshGrace: Duration
  readonly refreshIdleLifetime: Duration
}

/** Which refresh token of which session was presented; the token itself is already proven to be ours. */
export interface Presented {
  readonly sessionId: string
  readonly generation: number
}

export type Rotation =
  /** The session as it stands now: its newest generation is the successor to hand out. */
  | { readonly kind: 'rotated'; readonly session: store.Session }
  | { readonly kind: 'expired' }
  /** Over, unknown, or rotated out of use. */
  | { readonly kind: 'gone' }
  /** A token whose successor is in use already: the session is to be ended for it, which is left to the caller. */
  | { readonly kind: 'reused'; readonly session: store.Session }

/**
 * Takes a refresh token for its successor (RFC 9700 §4.14.2). Each generation has one successor, whoever asks however
 * often (invariant I3): the row alone says which. One guarded write, so no transaction is needed.
 */
export async function rotate(db: Database, rules: RotationRules, presented: Presented, now: Date): Promise<Rotation> {
  const { sessionId, generation } = presented
  const session = await store.findById(db, sessionId)
  const standing = standingOf(rules, session, generation, now)
  if (!session || standing === 'gone') return { kind: 'gone' }
  if (standing === 'expired') return { kind: 'expired' }
  if (standing === 'reused') return { kind: 'reused', session }
  const use = { id: sessionId, generation: session.generation, now, idleExpiresAt: idleEnd(rules, session, now) }
  const moved = await (standing === 'current' ? store.rotate(db, use) : store.touch(db, use))
  // Nobody moved it since we looked, unless another request or process did: then what it made of the row decides.
  return moved ? { kind: 'rotated', session: moved } : rotate(db, rules, presented, now)
}

/** What a refresh token is worth now. Reads nothing and changes nothing. */
export type Standing = 'current' | 'predecessor' | 'reused' | 'expired' | 'gone'

export function standingOf(
  rules: RotationRules,
  session: store.Session | undefined,
  generation: number,
  now: Date,
): Standing {
  if (!session || session.endedAt) return 'gone'
  if (session.idleExpiresAt <= now || session.expiresAt <= now) return 'expired'
  if (generation === session.generation) return 'current'
  return isGoodPredecessor(rules, session, generation, now) ? 'predecessor' : 'reused'
}

/**
 * A token whose successor nobody has used. In `auto`, while no successor in the session was ever used (so the second
 * generation was never reached), the client may be one that ignores successors and keeps the first token; otherwise a
 * short grace covers two tabs and lost answers.
 */
function isGoodPredecessor(rules: RotationRules, session: store.Session, generation: number, now: Date): boolean {
  if (generation !== session.generation - 1) return false
  const neverUsedASuccessor = session.generation === 1
  if (rules.rotation === 'auto' && neverUsedASuccessor) return true
  return session.rotatedAt >= before(now, rules.refreshGrace)
}

/** The idle end moved by a use at this moment, never past the fixed end. */
export function idleEnd(rules: RotationRules, { expiresAt }: { expiresAt: Date }, now: Date): Date {
  const idle = after(now, rules.refreshIdleLifetime)
  return idle < expiresAt ? idle : expiresAt
}
