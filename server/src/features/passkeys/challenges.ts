import { bitByBit } from '../../database/bit-by-bit.ts'
import type { Database } from '../../database/schema.ts'
import { after, minutes } from '../../kernel/duration.ts'
import type { Random } from '../../kernel/random.ts'
import { equalInConstantTime, keyedHash, type Secret } from '../../kernel/secret.ts'

// Time to fetch a phone and scan a code on the screen; past it new options cost one click.
export const CHALLENGE_LIFETIME = minutes(5)

export type Purpose = 'registration' | 'sign_in' | 'second_factor' | 'reauthentication'

/** What a challenge is good for, and for nothing else. */
export interface Ask {
  readonly purpose: Purpose
  /** Not given: nobody's yet, whoever signs in by it. */
  readonly userId?: number
  /** The session or pending sign-in that asks; not given: the anonymous. */
  readonly asker?: string
}

interface ChallengeDeps {
  readonly secret: Secret
}

// WebAuthn Level 3 §13.4.3 asks for 16 bytes of chance at least.
const CHANCE_BYTES = 16
const MOMENT_BYTES = 6
const SIGNED_BYTES = CHANCE_BYTES + MOMENT_BYTES
const MAC_BYTES = 32
// A whole number of three bytes: its base64url has no spare bits, so that one challenge has one text.
const CHALLENGE_BYTES = SIGNED_BYTES + MAC_BYTES

/**
 * A challenge that nothing has to be stored for: chance, the moment it ends, and a keyed hash of both with what it is good
 * for. So strangers who ask for challenges fill no table.
 */
export function makeChallenge(
  { secret, random }: ChallengeDeps & { readonly random: Random },
  ask: Ask,
  now: Date,
): Uint8Array<ArrayBuffer> {
  const signed = Buffer.alloc(SIGNED_BYTES)
  signed.set(random.bytes(CHANCE_BYTES))
  signed.writeUIntBE(after(now, CHALLENGE_LIFETIME).getTime(), CHANCE_BYTES, MOMENT_BYTES)
  return new Uint8Array(Buffer.concat([signed, macOf(secret, ask, signed)]))
}

/** When a challenge in base64url ends, or undefined when it has ended or was not made by us for this. */
export function challengeEnd({ secret }: ChallengeDeps, ask: Ask, challenge: unknown, now: Date): Date | undefined {
  if (typeof challenge !== 'string' || !/^[\w-]+$/.test(challenge)) return undefined
  const bytes = Buffer.from(challenge, 'base64url')
  if (bytes.length !== CHALLENGE_BYTES) return undefined
  const signed = bytes.subarray(0, SIGNED_BYTES)
  if (!equalInConstantTime(bytes.subarray(SIGNED_BYTES), macOf(secret, ask, signed))) return undefined
  const end = new Date(signed.readUIntBE(CHANCE_BYTES, MOMENT_BYTES))
  return end > now ? end : undefined
}

function macOf(secret: Secret, { purpose, userId, asker = '' }: Ask, signed: Buffer): Uint8Array {
  const user = userId === undefined ? '' : String(userId)
  return keyedHash(secret.key('passkey-challenge'), purpose, asker, user, signed.toString('hex'))
}

/** Uses a challenge up. False for all but one of those who try. */
export async function takeChallenge(db: Database, challenge: string, expiresAt: Date): Promise<boolean> {
  const taken = await db
    .insertInto('usedPasskeyChallenges')
    .values({ challenge, expiresAt })
    .onConflict((conflict) => conflict.doNothing())
    .returning('challenge')
    .executeTakeFirst()
  return taken !== undefined
}

/** Forgets used challenges that ended before this moment: no longer good, used or not. */
export const removeUsedChallenges = (db: Database, moment: Date): Promise<void> =>
  bitByBit((limit) => {
    const some = db.selectFrom('usedPasskeyChallenges').select('challenge').where('expiresAt', '<', moment).limit(limit)
    return db.deleteFrom('usedPasskeyChallenges').where('challenge', 'in', some).executeTakeFirst()
  })
