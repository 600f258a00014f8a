import { createPrivateKey, createPublicKey } from 'node:crypto'
import { createSigner, createVerifier } from 'fast-jwt'
import { z } from 'zod'
import { type Duration, toEpochSeconds } from '../../kernel/duration.ts'
import type { Random } from '../../kernel/random.ts'
import { encodeHeader, headerSegment } from './compact.ts'
import type { Keyring } from './keyring.ts'
import { isPublished, type KeyChain, type SigningKey, signingKeyAt } from './keys.ts'
import type { Verdict } from './verdict.ts'

/** What an access token says of its bearer. */
export interface AccessGrant {
  readonly userId: number
  readonly sessionId: string
  /** `auth_time`: the last time a password or factor was proven. */
  readonly authenticatedAt: Date
  readonly acr: 'aal1' | 'aal2'
  /** RFC 8176 names. */
  readonly amr: readonly string[]
  readonly emailVerified: boolean
  readonly phoneVerified: boolean
}

/** What a verified access token said. */
export interface AccessClaims extends AccessGrant {
  readonly id: string
  readonly issuedAt: Date
  readonly expiresAt: Date
}

export interface AccessTokenOptions {
  readonly keyring: Keyring
  /** `iss`. Asked when the first token is signed or verified after the keys changed, so not before the port is known. */
  readonly issuer: () => string
  /** `aud`; undefined: the issuer. */
  readonly audience: string | undefined
  readonly lifetime: Duration
  readonly random: Random
}

export interface AccessTokens {
  sign(grant: AccessGrant, now: Date): string
  verify(token: string, now: Date): Verdict<AccessClaims>
}

type Valid = Extract<Verdict<AccessClaims>, { kind: 'valid' }>

/** What is made from one state of the keyring and thrown away with it: also what was verified by keys now gone. */
interface Workshop {
  readonly chain: KeyChain
  readonly issuer: string
  readonly signers: ReadonlyMap<string, (payload: object) => string>
  /** By header segment: a header is compared with those we write, never parsed, so that nothing in it is followed. */
  readonly verifiers: ReadonlyMap<string, { key: SigningKey; verify: (token: string) => unknown }>
  /** By whole token. Filled by successes alone; the oldest leaves first. */
  readonly verified: Map<string, Valid>
}

const TYPE = 'at+jwt' // RFC 9068 §2.1
const JTI_BYTES = 16
// About 2 KiB each: 10 MiB at most, and room for every user active in the same minute on one machine.
const MAX_VERIFIED = 5000

const REQUIRED = 'iss sub aud iat exp jti sid auth_time acr amr email_verified phone_verified token_type user_id'.split(
  ' ',
)

const payloadSchema = z
  .object({
    iss: z.string(),
    sub: z.string().regex(/^[1-9]\d{0,15}$/),
    aud: z.string(),
    iat: z.int().nonnegative(),
    exp: z.int().nonnegative(),
    nbf: z.undefined().optional(),
    jti: z.string().min(1),
    sid: z.string().min(1),
    auth_time: z.int().nonnegative(),
    acr: z.enum(['aal1', 'aal2']),
    amr: z.array(z.string()),
    email_verified: z.boolean(),
    phone_verified: z.boolean(),
    token_type: z.literal('access'),
    user_id: z.string(),
  })
  .refine((payload) => payload.sub === payload.user_id)

/**
 * Signs and verifies access tokens (RFC 9068 in form) with the keyring's keys and no other algorithm than each key's own.
 * Knows nothing of sessions and users: that they still stand is the caller's to ask at every request.
 */
export function createAccessTokens(options: AccessTokenOptions): AccessTokens {
  let workshop: Workshop | undefined
  const current = (): Workshop => {
    const chain = options.keyring.keys()
    if (workshop?.chain !== chain) workshop = openWorkshop(chain, options)
    return workshop
  }
  return {
    sign(grant, now) {
      const { chain, issuer, signers } = current()
      const key = signingKeyAt(chain, now)
      return signers.get(key.kid)!(payloadOf(grant, issuer, key, options, now))
    },
    verify(token, now) {
      const { verifiers, verified } = current()
      const known = verified.get(token)
      const verdict = known ?? readToken(token, verifiers, now)
      if (!verdict) return { kind: 'invalid' }
      if (verdict.claims.expiresAt <= now) {
        verified.delete(token)
        return { kind: 'expired' }
      }
      if (!known) remember(verified, token, verdict)
      return verdict
    },
  }
}

function openWorkshop(chain: KeyChain, { issuer, audience }: AccessTokenOptions): Workshop {
  const iss = issuer()
  const aud = audience ?? iss
  return {
    chain,
    issuer: iss,
    signers: new Map(chain.map((key) => [key.kid, signerOf(key)])),
    verifiers: new Map(chain.map((key) => [headerOf(key), { key, verify: verifierOf(key, iss, aud) }])),
    verified: new Map(),
  }
}

function headerOf({ algorithm, kid }: SigningKey): string {
  return encodeHeader({ alg: algorithm, typ: TYPE, kid })
}

function signerOf({ algorithm, kid, privateJwk }: SigningKey): (payload: object) => string {
  const key = createPrivateKey({ key: privateJwk, format: 'jwk' }).export({ type: 'pkcs8', format: 'pem' })
  return createSigner({
    algorithm,
    key,
    kid,
    header: { alg: algorithm, typ: TYPE },
    noTimestamp: false, // takes the payload's own iat
    mutatePayload: false,
  })
}

function verifierOf({ algorithm, privateJwk }: SigningKey, iss: string, aud: string): (token: string) => unknown {
  const key = createPublicKey({ key: privateJwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
  return createVerifier({
    algorithms: [algorithm],
    key,
    checkTyp: TYPE,
    requiredClaims: REQUIRED,
    allowedIss: iss,
    allowedAud: aud,
    allowedCritHeaders: [],
    complete: false,
    cache: false, // failures would evict, and its clock is not ours
    ignoreExpiration: true, // compared with our clock
    ignoreNotBefore: true, // never in ours: the schema refuses it
    clockTolerance: 0,
  })
}

function payloadOf(
  grant: AccessGrant,
  issuer: string,
  key: SigningKey,
  { audience, lifetime, random }: AccessTokenOptions,
  now: Date,
): z.input<typeof payloadSchema> {
  const iat = toEpochSeconds(now)
  const exp = iat + Math.floor(lifetime / 1000)
  const userId = String(grant.userId)
  return {
    iss: issuer,
    sub: userId,
    aud: audience ?? issuer,
    iat,
    // No token outlives its key, not even when the operator lengthened the lifetime in the middle of a rotation.
    exp: key.dropsAt ? Math.min(exp, toEpochSeconds(key.dropsAt)) : exp,
    jti: Buffer.from(random.bytes(JTI_BYTES)).toString('base64url'),
    sid: grant.sessionId,
    auth_time: toEpochSeconds(grant.authenticatedAt),
    acr: grant.acr,
    amr: [...grant.amr],
    email_verified: grant.emailVerified,
    phone_verified: grant.phoneVerified,
    token_type: 'access',
    user_id: userId,
  }
}

function readToken(token: string, verifiers: Workshop['verifiers'], now: Date): Valid | undefined {
  const verifier = verifiers.get(headerSegment(token) ?? '')
  if (!verifier || !isPublished(verifier.key, now)) return undefined
  try {
    const payload = payloadSchema.safeParse(verifier.verify(token))
    return payload.success ? Object.freeze({ kind: 'valid', claims: claimsOf(payload.data) }) : undefined
  } catch {
    return undefined // whatever the library has against it, the token is not ours
  }
}

function claimsOf(payload: z.output<typeof payloadSchema>): AccessClaims {
  return Object.freeze({
    id: payload.jti,
    userId: Number(payload.sub),
    sessionId: payload.sid,
    issuedAt: new Date(payload.iat * 1000),
    expiresAt: new Date(payload.exp * 1000),
    authenticatedAt: new Date(payload.auth_time * 1000),
    acr: payload.acr,
    amr: Object.freeze(payload.amr),
    emailVerified: payload.email_verified,
    phoneVerified: payload.phone_verified,
  })
}

function remember(verified: Workshop['verified'], token: string, verdict: Valid): void {
  if (verified.size >= MAX_VERIFIED) verified.delete(verified.keys().next().value!)
  verified.set(token, verdict)
}
