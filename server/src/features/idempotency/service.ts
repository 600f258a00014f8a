import type { Database } from '../../database/schema.ts'
import { after, days, seconds } from '../../kernel/duration.ts'
import { type Random, uuidv7 } from '../../kernel/random.ts'
import { Refusal, REFUSALS, type RefusalCode } from '../../kernel/refusal.ts'
import { equalInConstantTime, keyedHash, seal, type Secret, unseal } from '../../kernel/secret.ts'
import * as store from './store.ts'

export { removeAll as removeAllAnswers, removeExpired as removeExpiredAnswers } from './store.ts'

/*
 * A request with an `Idempotency-Key` is done once, whenever the power goes off:
 *
 * 1. Before anything else it claims a row, in a statement of its own: of twenty at once one has it, and the others learn
 *    that it runs. A claim nobody ended counts for half a minute, since whoever had it may be gone.
 * 2. The act's own transaction ends by `remember`, which puts the answer into that row. Act and answer are committed
 *    together or not at all; so a row without an answer means that nothing was done, and may be claimed anew.
 * 3. `remember` writes only while the claim is still its own. Whoever was so slow that another has claimed the row since
 *    is thrown out of his transaction: the act is undone, not done twice.
 */

const KEPT_FOR = days(1)

// Longer than a request lasts: five seconds at most for the database, fewer for the queue of password hashes.
const CLAIM_LIFETIME = seconds(30)

export interface IdempotencyDeps {
  readonly db: Database
  readonly secret: Secret
  readonly random: Random
}

/** The last statement of an act's transaction: keeps what the act is answered, so that its repetition does nothing. */
export type Remember<T> = (db: Database, outcome: T) => Promise<void>

/** What is asked for, and by whom. */
export interface Asked {
  readonly key: string
  readonly method: string
  readonly route: string
  readonly asker: string
  readonly body: string
}

/** An answer as it will be given again. No token and no code of anyone's: routes that answer those take no key. */
export interface Answer {
  readonly status: number
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** The answer to what made something that says where it is. */
export const created = (summary: { readonly url: string }): Answer => ({
  status: 201,
  body: summary,
  headers: { location: summary.url },
})

/** A refusal is kept as what it says, and said again in the reader's language. */
export type Kept = Answer | { readonly refused: RefusalCode; readonly details: Refusal['details'] }

/** The right to do what is asked for, and to keep its answer. */
export interface Claim {
  /** To be called once, in the transaction of the act. Throws, and so undoes it, where the claim is another's by now. */
  remember(db: Database, kept: Kept): Promise<void>
  /** Nothing was done: whoever asks again may do it. Does nothing to an answer that is kept. */
  release(): Promise<void>
  readonly isAnswered: () => boolean
}

export type Claiming =
  | { readonly kind: 'claimed'; readonly claim: Claim }
  | { readonly kind: 'answered'; readonly kept: Kept }
  | { readonly kind: 'running' }
  /** The key was used with another body. */
  | { readonly kind: 'reused' }

/** Claims what is asked for, or tells what became of it. Keys count for 24 hours and for their asker and route alone. */
export async function claim(deps: IdempotencyDeps, asked: Asked, now: Date): Promise<Claiming> {
  const { db, secret, random } = deps
  const { key, method, route, asker, body } = asked
  const hashKey = secret.key('idempotency-key')
  const id = Buffer.from(keyedHash(hashKey, 'request', key, method, route, asker)).toString('hex')
  const bodyHash = keyedHash(hashKey, 'body', body)
  const hold = { id, claim: uuidv7(random, now) }
  const ends = { claimedUntil: after(now, CLAIM_LIFETIME), expiresAt: after(now, KEPT_FOR) }
  if (await store.take(db, { ...hold, bodyHash, ...ends }, now)) return { kind: 'claimed', claim: claimOf(deps, hold) }
  const known = await store.find(db, id)
  // Given back or cleared away since: one who asks again in a moment finds it free.
  if (!known) return { kind: 'running' }
  if (!equalInConstantTime(known.bodyHash, bodyHash)) return { kind: 'reused' }
  return known.sealed ? { kind: 'answered', kept: open(secret, id, known.sealed) } : { kind: 'running' }
}

function claimOf({ db, secret, random }: IdempotencyDeps, hold: store.Hold): Claim {
  let isAnswered = false
  return {
    async remember(db, kept) {
      const plain = Buffer.from(JSON.stringify(kept))
      const sealed = seal(secret.key('idempotent-answer'), plain, hold.id, random)
      if (!(await store.keep(db, hold, sealed))) throw inProgress('claimed by another meanwhile')
      isAnswered = true
    },
    release: () => store.release(db, hold),
    isAnswered: () => isAnswered,
  }
}

function open(secret: Secret, id: string, sealed: Uint8Array): Kept {
  const plain = unseal(secret.key('idempotent-answer'), sealed, id)
  if (!plain) throw new Error('a kept answer does not open')
  return JSON.parse(Buffer.from(plain).toString()) as Kept
}

export const inProgress = (reason: string): Refusal =>
  new Refusal('idempotency_in_progress', reason, { headers: { 'retry-after': '1' } })

// What another try may get past with the same key and body: a pause, a proof of work, a sign-in.
const PASSING: ReadonlySet<RefusalCode> = new Set(['proof_of_work_required', 'reauthentication_required'])

/** Whether a failure is the answer for good. Faults, 5xx, 429, 401 and what can be put right without a new request are not. */
export function isForGood(error: unknown): error is Refusal {
  if (!(error instanceof Refusal) || PASSING.has(error.code)) return false
  const status = REFUSALS[error.code]
  return status < 500 && status !== 429 && status !== 401
}
