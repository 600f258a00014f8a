import { z } from 'zod'
import { toEpochSeconds } from '../../kernel/duration.ts'
import type { Random } from '../../kernel/random.ts'
import type { Secret } from '../../kernel/secret.ts'
import { createOwnTokens, ownClaims, type OwnTokens } from './own-tokens.ts'

/** What a second-factor token stands for: a sign-in that waits for its second step. */
export interface SecondFactorGrant {
  readonly pendingId: string
  readonly userId: number
  readonly issuedAt: Date
  readonly expiresAt: Date
}

const JTI_BYTES = 16

const payload = z.object({ token_type: z.literal('second_factor'), ...ownClaims })

/** The tokens of a sign-in that is not finished, new each time. Whether it still waits is the caller's to ask. */
export const createSecondFactorTokens = (secret: Secret, random: Random): OwnTokens<SecondFactorGrant> =>
  createOwnTokens({
    type: '2fa+jwt',
    key: secret.key('second-factor-token'),
    payload,
    payloadOf: (grant: SecondFactorGrant) => payloadOf(grant, random),
    grantOf,
  })

const payloadOf = (grant: SecondFactorGrant, random: Random): z.input<typeof payload> => ({
  token_type: 'second_factor',
  exp: toEpochSeconds(grant.expiresAt),
  iat: toEpochSeconds(grant.issuedAt),
  jti: Buffer.from(random.bytes(JTI_BYTES)).toString('base64url'),
  sid: grant.pendingId,
  user_id: String(grant.userId),
})

const grantOf = ({ sid, user_id, iat, exp }: z.output<typeof payload>): SecondFactorGrant => ({
  pendingId: sid,
  userId: Number(user_id),
  issuedAt: new Date(iat * 1000),
  expiresAt: new Date(exp * 1000),
})
