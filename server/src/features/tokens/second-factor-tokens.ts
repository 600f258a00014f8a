import { createSigner, createVerifier } from 'fast-jwt'
import { z } from 'zod'
import { toEpochSeconds } from '../../kernel/duration.ts'
import type { Random } from '../../kernel/random.ts'
import type { Secret } from '../../kernel/secret.ts'
import { encodeHeader, headerSegment } from './compact.ts'
import type { Verdict } from './verdict.ts'

/** What a second-factor token stands for: a sign-in that waits for its second step. */
export interface SecondFactorGrant {
  readonly pendingId: string
  readonly userId: number
  readonly issuedAt: Date
  readonly expiresAt: Date
}

export interface SecondFactorTokens {
  /** New each time. Moments count in whole seconds. */
  sign(grant: SecondFactorGrant): string
  verify(token: string, now: Date): Verdict<SecondFactorGrant>
}

const ALGORITHM = 'HS256'
const TYPE = '2fa+jwt'
const HEADER = encodeHeader({ alg: ALGORITHM, typ: TYPE })
const JTI_BYTES = 16

const REQUIRED = ['token_type', 'exp', 'iat', 'jti', 'sid', 'user_id']

const payloadSchema = z.object({
  token_type: z.literal('second_factor'),
  exp: z.int().nonnegative(),
  iat: z.int().nonnegative(),
  nbf: z.undefined().optional(),
  jti: z.string().min(1),
  sid: z.string().min(1),
  user_id: z.string().regex(/^[1-9]\d{0,15}$/),
})

/**
 * Signs and verifies the tokens of a sign-in that is not finished, under a key of their own: no other service can take one
 * for an access token, and none of ours takes one for another kind. Whether the sign-in still waits is the caller's to ask.
 */
export function createSecondFactorTokens(secret: Secret, random: Random): SecondFactorTokens {
  const key = Buffer.from(secret.key('second-factor-token'))
  const signer = createSigner({
    algorithm: ALGORITHM,
    key,
    header: { alg: ALGORITHM, typ: TYPE },
    noTimestamp: false, // takes the payload's own iat
    mutatePayload: false,
  })
  const verifier = createVerifier({
    algorithms: [ALGORITHM],
    key,
    checkTyp: TYPE,
    requiredClaims: REQUIRED,
    allowedCritHeaders: [],
    complete: false,
    cache: false,
    ignoreExpiration: true, // compared with our clock
    ignoreNotBefore: true, // never in ours: the schema refuses it
    clockTolerance: 0,
  })
  return {
    sign: (grant) => signer(payloadOf(grant, random)),
    verify(token, now) {
      const grant = readToken(token, verifier)
      if (!grant) return { kind: 'invalid' }
      return grant.expiresAt <= now ? { kind: 'expired' } : { kind: 'valid', claims: grant }
    },
  }
}

function payloadOf(grant: SecondFactorGrant, random: Random): z.input<typeof payloadSchema> {
  return {
    token_type: 'second_factor',
    exp: toEpochSeconds(grant.expiresAt),
    iat: toEpochSeconds(grant.issuedAt),
    jti: Buffer.from(random.bytes(JTI_BYTES)).toString('base64url'),
    sid: grant.pendingId,
    user_id: String(grant.userId),
  }
}

function readToken(token: string, verify: (token: string) => unknown): SecondFactorGrant | undefined {
  if (headerSegment(token) !== HEADER) return undefined
  try {
    const payload = payloadSchema.safeParse(verify(token))
    return payload.success ? grantOf(payload.data) : undefined
  } catch {
    return undefined // whatever the library has against it, the token is not ours
  }
}

const grantOf = (payload: z.output<typeof payloadSchema>): SecondFactorGrant => ({
  pendingId: payload.sid,
  userId: Number(payload.user_id),
  issuedAt: new Date(payload.iat * 1000),
  expiresAt: new Date(payload.exp * 1000),
})
