import type { Clock } from '../../kernel/clock.ts'
import type { Duration } from '../../kernel/duration.ts'
import type { Random } from '../../kernel/random.ts'
import type { Secret } from '../../kernel/secret.ts'
import { type AccessClaims, type AccessGrant, createAccessTokens } from './access-tokens.ts'
import { type JwkSet, jwkSet } from './jwks.ts'
import type { Keyring } from './keyring.ts'
import { createRefreshTokens, type RefreshGrant } from './refresh-tokens.ts'
import { createSecondFactorTokens, type SecondFactorGrant } from './second-factor-tokens.ts'
import type { Verdict } from './verdict.ts'

export { describeKeys, type KeyState, readKeys, rotateKeys } from './keyring.ts'
export type { AccessClaims, AccessGrant, RefreshGrant, SecondFactorGrant, Verdict }

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
  /** A token of a sign-in that waits for its second step: good for that step alone, and new each time. */
  signSecondFactor(grant: SecondFactorGrant): string
  verifySecondFactor(token: string, now: Date): Verdict<SecondFactorGrant>
  /** The public keys of access tokens, at this moment (RFC 7517 §5). */
  jwks(): JwkSet
}

export function createTokens({ settings, issuer, secret, keyring, clock, random }: TokensOptions): Tokens {
  const { accessLifetime: lifetime, audience } = settings
  const access = createAccessTokens({ keyring, issuer, audience, lifetime, random })
  const refresh = createRefreshTokens(secret)
  const secondFactor = createSecondFactorTokens(secret, random)
  const kinds = [access, refresh, secondFactor]
  const verifyAs =
    <Claims>(kind: { verify(token: string, now: Date): Verdict<Claims> }) =>
    (token: string, now: Date): Verdict<Claims> => {
      const verdict = kind.verify(token, now)
      return verdict.kind === 'invalid' ? asOtherKind(kinds, token, now) : verdict
    }
  return {
    signAccess: access.sign,
    verifyAccess: verifyAs(access),
    refreshToken: refresh.sign,
    verifyRefresh: verifyAs(refresh),
    signSecondFactor: secondFactor.sign,
    verifySecondFactor: verifyAs(secondFactor),
    jwks: () => jwkSet(keyring.keys(), clock.now()),
  }
}

type Kind = { verify(token: string, now: Date): Verdict<unknown> }

/** What is to be told of a token that is not of the kind somebody wanted. */
function asOtherKind(kinds: readonly Kind[], token: string, now: Date): Verdict<never> {
  let isExpired = false
  for (const each of kinds) {
    const { kind } = each.verify(token, now)
    if (kind === 'valid') return { kind: 'wrong_type' }
    isExpired ||= kind === 'expired'
  }
  return { kind: isExpired ? 'expired' : 'invalid' }
}
