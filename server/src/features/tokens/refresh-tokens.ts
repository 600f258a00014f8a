import { z } from 'zod'
import { toEpochSeconds } from '../../kernel/duration.ts'
import { keyedHash, type Secret } from '../../kernel/secret.ts'
import { createOwnTokens, ownClaims, type OwnTokens } from './own-tokens.ts'

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

const payload = z.object({
  token_type: z.literal('refresh'),
  ...ownClaims,
  generation: z.int().nonnegative(),
})

/**
 * Refresh tokens: what is signed follows from the grant alone, the same grant gives the same bytes. Whether the session still
 * stands, and which generation it accepts, is the caller's to ask.
 */
export const createRefreshTokens = (secret: Secret): OwnTokens<RefreshGrant> =>
  createOwnTokens({
    type: 'rt+jwt',
    key: secret.key('refresh-token'),
    payload,
    payloadOf: (grant: RefreshGrant) => payloadOf(grant, secret),
    grantOf,
  })

function payloadOf(grant: RefreshGrant, secret: Secret): z.input<typeof payload> {
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

const grantOf = ({ sid, user_id, generation, iat, exp }: z.output<typeof payload>): RefreshGrant => ({
  sessionId: sid,
  userId: Number(user_id),
  generation,
  issuedAt: new Date(iat * 1000),
  expiresAt: new Date(exp * 1000),
})
