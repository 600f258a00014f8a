import type { Clock } from '../../kernel/clock.ts'
import type { Duration } from '../../kernel/duration.ts'
import type { Random } from '../../kernel/random.ts'
import type { Secret } from '../../kernel/secret.ts'
import { type AccessClaims, type AccessGrant, createAccessTokens } from './access-tokens.ts'
import { type JwkSet, jwkSet } from './jwks.ts'
import type { Keyring } from './keyring.ts'
import { createRefreshTokens, type RefreshGrant } from './refresh-tokens.ts'
import type { Verdict } from './verdict.ts'

export { describeKeys, type KeyState, readKeys, rotateKeys } from './keyring.ts'
export type { AccessClaims, AccessGrant, RefreshGrant, Verdict }

export interface TokensOptions {
  readonly settings: { readonly accessLifetime: Duration; readonly audience: string | undefined }
  /** `iss`. Asked when the first token is signed or verified, so not before the port is known; it must not change after. */
  readonly issuer: () => string
  readonly secret: Secret
  readonly keyring: Keyring
  readonly clock: Clock
  readonly random: Random
}

/**
 * Every token of ours, as bytes and as claims; sessions decide what a token is worth. A token of one kind never passes for
 * another: each kind has one key, one algorithm and one `typ`.
 */
export interface Tokens {
  /** An access token (RFC 9068 in form) that ends `accessLifetime` after `now`, new each time. */
  signAccess(grant: AccessGrant, now: Date): string
  verifyAccess(token: string, now: Date): Verdict<AccessClaims>
  /** The refresh token of this rotation of this session: always the same bytes. */
  refreshToken(grant: RefreshGrant): string
  verifyRefresh(token: string, now: Date): Verdict<RefreshGrant>
  /** The public keys of access tokens, at this moment (RFC 7517 §5). */
  jwks(): JwkSet
}

export function createTokens({ settings, issuer, secret, keyring, clock, random }: TokensOptions): Tokens {
  const { accessLifetime: lifetime, audience } = settings
  const access = createAccessTokens({ keyring, issuer, audience, lifetime, random })
  const refresh = createRefreshTokens(secret)
  return {
    signAccess: access.sign,
    verifyAccess(token, now) {
      const verdict = access.verify(token, now)
      return verdict.kind === 'invalid' ? asOtherKind(refresh.verify(token, now)) : verdict
    },
    refreshToken: refresh.sign,
    verifyRefresh(token, now) {
      const verdict = refresh.verify(token, now)
      return verdict.kind === 'invalid' ? asOtherKind(access.verify(token, now)) : verdict
    },
    jwks: () => jwkSet(keyring.keys(), clock.now()),
  }
}

/** What a verdict by the other kind's verifier means to somebody who wanted this kind. */
function asOtherKind(verdict: Verdict<unknown>): Verdict<never> {
  return verdict.kind === 'valid' ? { kind: 'wrong_type' } : verdict
}
