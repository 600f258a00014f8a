import { createHash } from 'node:crypto'
import { after, minutes, toEpochSeconds } from '../../kernel/duration.ts'
import type { Random } from '../../kernel/random.ts'
import { equalInConstantTime, keyedHash, type Secret } from '../../kernel/secret.ts'

// Time enough for the slowest phone, too short to lay in a store of proofs for a flood.
export const CHALLENGE_LIFETIME = minutes(5)

/** What is asked for: a proof for one is none for another. */
export type Purpose = 'registration' | 'sign_in_code' | 'password_reset'

export interface Terms {
  readonly purpose: Purpose
  /** Zero bits that the hash has to begin with; each doubles the work. */
  readonly difficulty: number
}

const CHANCE_BYTES = 9
const MOMENT_BYTES = 4
const SIGNED_BYTES = CHANCE_BYTES + MOMENT_BYTES + 1
const MAC_BYTES = 16

/**
 * A challenge that nothing has to be stored for: chance, the second it ends, the difficulty, and a keyed hash of these with
 * what it is good for. 40 characters, so that with a dot and a nonce it fits one block of SHA-256, and a try costs the
 * slowest client one compression.
 */
export function makeChallenge(
  { secret, random }: { readonly secret: Secret; readonly random: Random },
  { purpose, difficulty }: Terms,
  now: Date,
): string {
  const signed = Buffer.alloc(SIGNED_BYTES)
  signed.set(random.bytes(CHANCE_BYTES))
  signed.writeUInt32BE(toEpochSeconds(after(now, CHALLENGE_LIFETIME)), CHANCE_BYTES)
  signed.writeUInt8(difficulty, SIGNED_BYTES - 1)
  return Buffer.concat([signed, macOf(secret, purpose, signed)]).toString('base64url')
}

/** A challenge of ours with a nonce for which the hash begins as it should. Whether it was used is not asked here. */
export interface Proof {
  readonly challenge: string
  readonly expiresAt: Date
}

// 40 characters of base64url have no spare bits, so that one challenge has one text.
const PROOF = /^([\w-]{40})\.\d{1,14}$/

/** What a `Proof-Of-Work` header proves, or undefined. Costs a keyed hash and, for a challenge of ours, one hash more. */
export function readProof(secret: Secret, purpose: Purpose, header: string, now: Date): Proof | undefined {
  const challenge = PROOF.exec(header)?.[1]
  if (challenge === undefined) return undefined
  const bytes = Buffer.from(challenge, 'base64url')
  const signed = bytes.subarray(0, SIGNED_BYTES)
  if (!equalInConstantTime(bytes.subarray(SIGNED_BYTES), macOf(secret, purpose, signed))) return undefined
  const expiresAt = new Date(signed.readUInt32BE(CHANCE_BYTES) * 1000)
  if (expiresAt <= now || zeroBitsOf(header) < signed.readUInt8(SIGNED_BYTES - 1)) return undefined
  return { challenge, expiresAt }
}

const macOf = (secret: Secret, purpose: Purpose, signed: Buffer): Uint8Array =>
  keyedHash(secret.key('proof-of-work'), purpose, signed.toString('hex')).subarray(0, MAC_BYTES)

/** How many zero bits the SHA-256 of a text begins with, up to 32. */
const zeroBitsOf = (text: string): number => Math.clz32(createHash('sha256').update(text).digest().readUInt32BE())
