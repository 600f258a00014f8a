import type { FastifyRequest } from 'fastify'
import type { Database } from '../../database/schema.ts'
import { networkOf } from '../../http/client-address.ts'
import type { Count } from '../../kernel/count.ts'
import type { Random } from '../../kernel/random.ts'
import { Refusal } from '../../kernel/refusal.ts'
import type { Secret } from '../../kernel/secret.ts'
import { CHALLENGE_LIFETIME, makeChallenge, readProof } from './challenges.ts'
import type { Asking, Signal } from './signals.ts'
import { takeProof } from './store.ts'

export { type Asking, conversionSignal, type Signal, signalsOf } from './signals.ts'
export { removeUsedProofs } from './store.ts'

// The easiest takes a phone a sixth of a second; four steps more make 2¹⁹ tries of it, two or three seconds on the average
// phone of today at 200 000 a second (docs/proof-of-work.md has its solver).
const EASIEST = 15

/** A proof that is asked for. */
export interface Demand {
  readonly challenge: string
  readonly difficulty: number
  /** The signal that rose highest. */
  readonly reason: string
}

/** Makes asking expensive while much is asked for. */
export interface ProofOfWork {
  /** Undefined when he may go on: nothing is the matter, or he showed a proof, which is used up thereby. */
  demand(asking: Asking, shown: string | undefined, now: Date): Promise<Demand | undefined>
}

export interface ProofOfWorkDeps {
  readonly db: Database
  readonly secret: Secret
  readonly random: Random
  readonly signals: readonly Signal[]
  /** Undefined where nothing is counted. */
  readonly count?: Count | undefined
}

export function createProofOfWork(deps: ProofOfWorkDeps): ProofOfWork {
  const { db, secret } = deps
  return {
    async demand(asking, shown, now) {
      // The owner's own device is never held up, however many strangers ask.
      if (await asking.isKnownDevice?.()) return undefined
      const { level, reason } = await highest(deps.signals, asking, now)
      if (level === 0) return undefined
      const proof = shown === undefined ? undefined : readProof(secret, asking.purpose, shown, now)
      const isSolved = proof !== undefined && (await takeProof(db, proof.challenge, proof.expiresAt))
      deps.count?.('proof_of_work', { outcome: isSolved ? 'solved' : 'asked', signal: reason })
      if (isSolved) return undefined
      const difficulty = EASIEST + level - 1
      return { challenge: makeChallenge(deps, { purpose: asking.purpose, difficulty }, now), difficulty, reason }
    },
  }
}

async function highest(
  signals: readonly Signal[],
  asking: Asking,
  now: Date,
): Promise<{ level: number; reason: string }> {
  let [level, reason] = [0, '']
  for (const signal of signals) {
    const its = await signal.levelOf(asking, now)
    if (its > level) [level, reason] = [its, signal.name]
  }
  return { level, reason }
}

/**
 * Refuses the anonymous with a challenge while a signal asks for a proof and none is shown; does nothing for whoever is
 * signed in, and where proofs are off. To be called before anything is looked up or hashed.
 *
 * The proof comes in a header rather than in the body, so that the request stays the one its Idempotency-Key stands for.
 */
export async function requireProof(
  proofs: ProofOfWork | undefined,
  request: FastifyRequest,
  asking: Omit<Asking, 'network'>,
  now: Date,
): Promise<void> {
  if (!proofs || request.caller) return
  const shown = request.headers['proof-of-work']
  const network = networkOf(request.clientAddress())
  const demand = await proofs.demand({ ...asking, network }, shown === undefined ? undefined : String(shown), now)
  if (!demand) return
  const { challenge, difficulty, reason } = demand
  const members = { challenge, difficulty, expires_in_seconds: CHALLENGE_LIFETIME / 1000 }
  throw new Refusal('proof_of_work_required', `proof of work: ${reason}`, { members })
}
