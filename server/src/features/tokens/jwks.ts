import { type KeyChain, publicMembers, publishedAt, type SigningAlgorithm } from './keys.ts'

/** A public key as other services read it (RFC 7517 §4). */
export interface PublicJwk {
  readonly alg: SigningAlgorithm
  readonly use: 'sig'
  readonly kid: string
  readonly [member: string]: string
}

/** A JWK set (RFC 7517 §5). */
export interface JwkSet {
  readonly keys: readonly PublicJwk[]
}

/** The public halves of all keys that sign, will sign, or signed tokens that may still live. */
export function jwkSet(chain: KeyChain, now: Date): JwkSet {
  return {
    keys: publishedAt(chain, now).map(({ algorithm, kid, privateJwk }) => ({
      ...publicMembers(privateJwk),
      alg: algorithm,
      use: 'sig',
      kid,
    })),
  }
}
