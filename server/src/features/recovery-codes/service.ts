import { createHash } from 'node:crypto'
import type { Database } from '../../database/schema.ts'
import { type Act, actOf } from '../../kernel/act.ts'
import { inFours, parseBase32, randomBase32 } from '../../kernel/base32.ts'
import { type Random, uuidv7 } from '../../kernel/random.ts'
import { countFailure, forgetFailures } from '../attempts/service.ts'
import type { Audit } from '../audit/service.ts'
import { notify, type NotifyDeps } from '../messages/service.ts'
import { lockUser, type User } from '../users/service.ts'
import * as store from './store.ts'

export { countLeft as recoveryCodesLeft, remove as removeRecoveryCodes } from './store.ts'

export interface RecoveryCodeDeps extends NotifyDeps {
  readonly random: Random
  readonly audit: Audit
  readonly rules: {
    /** Wrong codes in a row that lock the method for a purpose; undefined: never. */
    readonly lockAfter: number | undefined
  }
}

// A sheet of them lasts for years of lost phones.
const CODES = 10

// 80 bits: nobody guesses one, so that a hash without a key keeps them.
const SYMBOLS = 16

const hashOf = (code: string): Uint8Array => new Uint8Array(createHash('sha256').update(code).digest())

/**
 * Ten codes of 80 bits each, as `XXXX-XXXX-XXXX-XXXX`, in place of all the user had: what is given here is nowhere else and
 * never shown again. Twice at once leaves ten that are good, not twenty. Takes a transaction.
 */
export async function makeRecoveryCodes(
  db: Database,
  { random, audit }: Pick<RecoveryCodeDeps, 'random' | 'audit'>,
  user: Pick<User, 'id'>,
  act: Act,
  now: Date,
): Promise<string[]> {
  await lockUser(db, user.id)
  await store.remove(db, user.id)
  const codes = Array.from({ length: CODES }, () => randomBase32(random, SYMBOLS))
  const rows = codes.map((code) => ({
    id: uuidv7(random, now),
    userId: user.id,
    codeHash: hashOf(code),
    createdAt: now,
  }))
  await store.insert(db, rows)
  await audit.record(db, act, { type: 'recovery_codes_made', userId: user.id, details: { count: CODES } }, now)
  return codes.map(inFours)
}

export type RecoveryCodeProof =
  /** `left` of them are good still. */
  | { readonly kind: 'right'; readonly left: number }
  | { readonly kind: 'wrong' }
  /** Too many wrong ones in a row for this purpose; not even a right one is taken. */
  | { readonly kind: 'locked' }

/** Whose code it would be, and to what end. */
export interface RecoveryCodeTry {
  readonly user: User
  readonly purpose: string
}

/**
 * Uses up a recovery code, typed however people type it; each is good once (invariant I4). Puts its use on record and tells
 * the user of it; wake the messages after the commit. Counts failures. Takes a transaction, whose "no" must be committed.
 */
export async function takeRecoveryCode(
  db: Database,
  deps: RecoveryCodeDeps,
  { user, purpose }: RecoveryCodeTry,
  typed: string,
  act: Act,
  now: Date,
): Promise<RecoveryCodeProof> {
  const { lockAfter } = deps.rules
  // Before comparing, so that of tries at once no more are compared than may be.
  const failures = await countFailure(db, { userId: user.id, method: 'recovery_code', purpose })
  if (lockAfter !== undefined && failures > lockAfter) return { kind: 'locked' }
  const code = parseBase32(typed, SYMBOLS)
  if (code === undefined || !(await store.take(db, user.id, hashOf(code), now))) return { kind: 'wrong' }
  await forgetFailures(db, user.id, { method: 'recovery_code', purpose })
  const left = await store.countLeft(db, user.id)
  const facts = { left, ip: act.ip ?? '' }
  const used = { type: 'recovery_code_used', userId: user.id, details: { purpose, left } } as const
  await deps.audit.record(db, actOf(act, user.id), used, now)
  await notify(db, deps, user, { kind: 'recovery_code_used', facts }, now)
  return { kind: 'right', left }
}
