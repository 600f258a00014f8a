import { createSigner, createVerifier } from 'fast-jwt'
import { z } from 'zod'
import { toEpochSeconds } from '../../kernel/duration.ts'
import { keyedHash, type Secret } from '../../kernel/secret.ts'
import { encodeHeader, headerSegment } from './compact.ts'
import type { Verdict } from './verdict.ts'

/** What a refresh token stands for: one rotation of one session. */
export interface RefreshGrant {
  readonly sessionId: string
  readonly userId: number
  /** How often the session had been rotated when this token was given out, from 0. */
  readonly generation: number
  /** The stored moment of that rotation. */
  readonly issuedAt: Date
  /** The session's fixed end. */
  readonly expiresAt: Date
}

export interface RefreshTokens {
  /** Follows from the grant alone: the same grant gives the same bytes. Moments count in whole seconds. */
  sign(grant: RefreshGrant): string
  verify(token: string, now: Date): Verdict<RefreshGrant>
}

const ALGORITHM = 'HS256'
const TYPE = 'rt+jwt'
const HEADER = encodeHeader({ alg: ALGORITHM, typ: TYPE })

const REQUIRED = ['token_type', 'exp', 'iat', 'jti', 'sid', 'user_id', 'generation']

const payloadSchema = z.object({
  token_type: z.literal('refresh'),
  exp: z.int().nonnegative(),
  iat: z.int().nonnegative(),
  nbf: z.undefined().optional(),
  jti: z.string().min(1),
  sid: z.string().min(1),
  user_id: z.string().regex(/^[1-9]\d{0,15}$/),
  generation: z.int().nonnegative(),
})

/**
 * Signs and verifies refresh tokens under a secret of the server's own, so that no other service can take one for an
 * access token. Whether the session still stands, and which generation it accepts, is the caller's to ask.
 */
export function createRefreshTokens(secret: Secret): RefreshTokens {
  const signer = signerOf(secret)
  const verifier = verifierOf(secret)
  return {
    sign: (grant) => signer(payloadOf(grant, secret)),
    verify(token, now) {
      const grant = readToken(token, verifier)
      if (!grant) return { kind: 'invalid' }
      return grant.expiresAt <= now ? { kind: 'expired' } : { kind: 'valid', claims: grant }
    },
  }
}

function signerOf(secret: Secret): (payload: object) => string {
  return createSigner({
    algorithm: ALGORITHM,
    key: Buffer.from(secret.key('refresh-token')),
    header: { alg: ALGORITHM, typ: TYPE },
    noTimestamp: false, // takes the payload's own iat
    mutatePayload: false,
  })
}

function verifierOf(secret: Secret): (token: string) => unknown {
  return createVerifier({
    algorithms: [ALGORITHM],
    key: Buffer.from(secret.key('refresh-token')),
    checkTyp: TYPE,
    requiredClaims: REQUIRED,
    allowedCritHeaders: [],
    complete: false,
    cache: false,
    ignoreExpiration: true, // compared with our clock
    ignoreNotBefore: true, // never in ours: the schema refuses it
    clockTolerance: 0,
  })
}

function payloadOf(grant: RefreshGrant, secret: Secret): z.input<typeof payloadSchema> {
  const id = keyedHash(secret.key('refresh-token-id'), grant.sessionId, String(grant.generation))
  return {
    token_type: 'refresh',
    exp: toEpochSeconds(grant.expiresAt),
    iat: toEpochSeconds(grant.issuedAt),
    jti: Buffer.from(id.subarray(0, 16)).toString('base64url'),
    sid: grant.sessionId,
    user_id: String(grant.userId),
    generation: grant.generation,
  }
}

function readToken(token: string, verify: (token: string) => unknown): RefreshGrant | undefined {
  if (headerSegment(token) !== HEADER) return undefined
  try {
    const payload = payloadSchema.safeParse(verify(token))
    return payload.success ? grantOf(payload.data) : undefined
  } catch {
    return undefined // whatever the library has against it, the token is not ours
  }
}

function grantOf(payload: z.output<typeof payloadSchema>): RefreshGrant {
  return {
    sessionId: payload.sid,
    userId: Number(payload.user_id),
    generation: payload.generation,
    issuedAt: new Date(payload.iat * 1000),
    expiresAt: new Date(payload.exp * 1000),
  }
}
