import type { Database } from '../../database/schema.ts'
import { after, minutes } from '../../kernel/duration.ts'
import { type Random, uuidv7 } from '../../kernel/random.ts'
import type { Tokens } from '../tokens/service.ts'
import type { Origin, TokenPair } from './service.ts'
import * as store from './pending-store.ts'

// Time to fetch a phone and read a mail; past it the first factor is to be proven again.
const LIFETIME = minutes(10)

// Whoever knows the password can begin as many as he likes; more than five at once serve nobody.
const MAX_PENDING = 5

/** What was proven so far, and what is still asked for. */
export interface FirstStep {
  readonly userId: number
  readonly needs: store.PendingSignIn['needs']
  /** RFC 8176 names. */
  readonly amr: readonly string[]
  /** The channel whose code was the first factor. */
  readonly channel?: 'email' | 'phone'
  readonly deviceId?: string | undefined
  readonly wantsDevice?: boolean
}

/** Keeps a sign-in that is not finished. The oldest leaves when a user has five. Takes a transaction that holds the user. */
export async function beginPending(
  db: Database,
  { random }: { readonly random: Random },
  { amr, channel, deviceId, wantsDevice = false, ...step }: FirstStep,
  origin: Origin,
  now: Date,
): Promise<store.PendingSignIn> {
  await store.endOldest(db, step.userId, MAX_PENDING - 1, now)
  return store.insert(db, {
    ...step,
    id: uuidv7(random, now),
    amr: amr.join(' '),
    channel: channel ?? null,
    deviceId: deviceId ?? null,
    wantsDevice,
    createdAt: now,
    expiresAt: after(now, LIFETIME),
    ...origin,
  })
}

/** The two tokens of a sign-in that waits: good for the second step and for logout, and for nothing else. */
export function pendingPair({ tokens }: { readonly tokens: Tokens }, pending: store.PendingSignIn): TokenPair {
  const { id: pendingId, userId, createdAt: issuedAt, expiresAt } = pending
  const grant = { pendingId, userId, issuedAt, expiresAt }
  return { refresh: tokens.signSecondFactor(grant), access: tokens.signSecondFactor(grant) }
}
