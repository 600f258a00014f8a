import type { Nullable } from './schema.ts'

/** What a request with an `Idempotency-Key` was answered, so that its repetition is answered the same and does nothing. */
export interface IdempotentAnswersTable {
  /** Keyed hash of the key, the method, the route and who asks. */
  id: string
  /** Keyed hash of the body. */
  bodyHash: Uint8Array
  /** Which of those who tried has it in hand: whoever finishes must still be that one. */
  claim: string
  /** Past it, and while there is no answer, the next one who tries has it. */
  claimedUntil: Date
  /** The answer, AES-GCM with the id as context; null while the request runs. */
  sealed: Nullable<Uint8Array>
  expiresAt: Date
}

/** Challenges whose proof of work was taken, until they would have ended anyway: each is good once. */
export interface UsedProofsTable {
  challenge: string
  expiresAt: Date
}
