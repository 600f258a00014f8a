import { createHash, createPrivateKey, generateKeyPair, type JsonWebKey, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { after, type Duration, minutes, seconds } from '../../kernel/duration.ts'

/** What `JWT_ALGORITHM` may be (RFC 7518 §3.1, RFC 8037 §3.1). */
export type SigningAlgorithm = 'ES256' | 'EdDSA' | 'RS256'

/** A key that signs access tokens, with its whole life laid out in moments, so that no job has to move it along. */
export interface SigningKey {
  /** RFC 7638 thumbprint. */
  readonly kid: string
  readonly algorithm: SigningAlgorithm
  readonly privateJwk: JsonWebKey
  readonly createdAt: Date
  readonly signsFrom: Date
  /** When its successor begins to sign; undefined for the newest. */
  readonly retiresAt: Date | undefined
  /** When the last token it signed has ended and it leaves JWKS; undefined for the newest. */
  readonly dropsAt: Date | undefined
}

/** Oldest first; the last one has no end. */
export type KeyChain = readonly [SigningKey, ...SigningKey[]]

/** Twice the five minutes other services may keep our key set, so that every one has read a key before it signs. */
const ANNOUNCED_BEFORE_SIGNING = minutes(10)

/** How far another service's clock may lag behind ours. */
const OTHERS_CLOCK_LEEWAY = seconds(60)

const generate = promisify(generateKeyPair)

async function generatePrivateKey(algorithm: SigningAlgorithm): Promise<KeyObject> {
  switch (algorithm) {
    case 'ES256':
      return (await generate('ec', { namedCurve: 'P-256' })).privateKey
    case 'EdDSA':
      return (await generate('ed25519')).privateKey
    case 'RS256':
      return (await generate('rsa', { modulusLength: 2048 })).privateKey
  }
}

/** A new key that signs from the moment given. */
export async function generateSigningKey(
  algorithm: SigningAlgorithm,
  createdAt: Date,
  signsFrom: Date,
): Promise<SigningKey> {
  const privateJwk = (await generatePrivateKey(algorithm)).export({ format: 'jwk' })
  const kid = thumbprint(privateJwk)
  return { kid, algorithm, privateJwk, createdAt, signsFrom, retiresAt: undefined, dropsAt: undefined }
}

/**
 * The chain with a new key at its end: announced now, signing ten minutes later. The key before it signs until then and
 * stays until its last token has ended everywhere. Keys whose end has come are left out.
 */
export async function withSuccessor(
  chain: KeyChain,
  algorithm: SigningAlgorithm,
  accessLifetime: Duration,
  now: Date,
): Promise<KeyChain> {
  const signsFrom = after(now, ANNOUNCED_BEFORE_SIGNING)
  const dropsAt = after(after(signsFrom, accessLifetime), OTHERS_CLOCK_LEEWAY)
  const [first, ...rest] = publishedAt(chain, now).map((key) =>
    key.dropsAt === undefined ? { ...key, retiresAt: signsFrom, dropsAt } : key,
  )
  const successor = await generateSigningKey(algorithm, now, signsFrom)
  return first ? [first, ...rest, successor] : [successor]
}

/** The keys that stand in JWKS at this moment. */
export function publishedAt(chain: KeyChain, now: Date): readonly SigningKey[] {
  return chain.filter((key) => isPublished(key, now))
}

export function isPublished(key: SigningKey, now: Date): boolean {
  return key.dropsAt === undefined || key.dropsAt > now
}

/** The newest key whose time has come; the oldest there is when the clock was turned back before all of them. */
export function signingKeyAt(chain: KeyChain, now: Date): SigningKey {
  const published = publishedAt(chain, now)
  return published.findLast((key) => key.signsFrom <= now) ?? published[0] ?? chain[0]
}

/** A public key's required members and no other, in the order RFC 7638 §3.2 hashes them. */
export type PublicMembers =
  | { readonly crv: string; readonly kty: 'EC'; readonly x: string; readonly y: string }
  | { readonly crv: string; readonly kty: 'OKP'; readonly x: string }
  | { readonly e: string; readonly kty: 'RSA'; readonly n: string }

/** The public half of one of our keys, picked by name, so that no private member can slip through. */
export function publicMembers({ kty, crv, x, y, e, n }: JsonWebKey): PublicMembers {
  if (kty === 'EC') return { crv: crv!, kty, x: x!, y: y! }
  if (kty === 'OKP') return { crv: crv!, kty, x: x! }
  return { e: e!, kty: 'RSA', n: n! }
}

/** The JWK's SHA-256 thumbprint (RFC 7638 §3), base64url. */
export function thumbprint(jwk: JsonWebKey): string {
  return createHash('sha256')
    .update(JSON.stringify(publicMembers(jwk)))
    .digest('base64url')
}

/** Whether this JWK is a sound private key for the algorithm: what a store gives back is asked before it is used. */
export function isPrivateKeyFor(algorithm: SigningAlgorithm, jwk: JsonWebKey): boolean {
  const curve = { ES256: 'P-256', EdDSA: 'Ed25519', RS256: undefined }[algorithm]
  try {
    createPrivateKey({ key: jwk, format: 'jwk' })
  } catch {
    return false
  }
  return curve === undefined ? jwk.kty === 'RSA' : jwk.crv === curve
}
