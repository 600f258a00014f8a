import { createSigner, createVerifier } from 'fast-jwt'
import { z } from 'zod'
import type { Key } from '../../kernel/secret.ts'
import { encodeHeader, headerSegment } from './compact.ts'
import type { Verdict } from './verdict.ts'

const ALGORITHM = 'HS256'

/** What every kind of them says beside its own. */
export const ownClaims = {
  exp: z.int().nonnegative(),
  iat: z.int().nonnegative(),
  nbf: z.undefined().optional(),
  jti: z.string().min(1),
  sid: z.string().min(1),
  user_id: z.string().regex(/^[1-9]\d{0,15}$/),
}

/** A kind of token that this server alone reads. */
export interface OwnKind<Payload extends z.ZodObject, Grant> {
  /** `typ` of its header. */
  readonly type: string
  /** Of its own, so that no other service, and no other kind of ours, can take one for theirs. */
  readonly key: Key
  readonly payload: Payload
  readonly payloadOf: (grant: Grant) => z.input<Payload>
  readonly grantOf: (payload: z.output<Payload>) => Grant
}

export interface OwnTokens<Grant> {
  /** Moments count in whole seconds. */
  sign(grant: Grant): string
  verify(token: string, now: Date): Verdict<Grant>
}

/** Signs and verifies one kind of token (HS256). Whether what it stands for still stands is the caller's to ask. */
export function createOwnTokens<Payload extends z.ZodObject, Grant extends { readonly expiresAt: Date }>(
  kind: OwnKind<Payload, Grant>,
): OwnTokens<Grant> {
  const header = { alg: ALGORITHM, typ: kind.type } as const
  const sign = signerOf(kind.key, header)
  const read = readerOf(kind, encodeHeader(header))
  return {
    sign: (grant) => sign(kind.payloadOf(grant)),
    verify(token, now) {
      const grant = read(token)
      if (!grant) return { kind: 'invalid' }
      return grant.expiresAt <= now ? { kind: 'expired' } : { kind: 'valid', claims: grant }
    },
  }
}

const signerOf = (key: Key, header: { readonly alg: typeof ALGORITHM; readonly typ: string }) =>
  createSigner({
    algorithm: ALGORITHM,
    key: Buffer.from(key),
    header,
    noTimestamp: false, // takes the payload's own iat
    mutatePayload: false,
  })

function readerOf<Payload extends z.ZodObject, Grant>(kind: OwnKind<Payload, Grant>, header: string) {
  const verify = verifierOf(kind)
  return (token: string): Grant | undefined => {
    if (headerSegment(token) !== header) return undefined
    try {
      const read = kind.payload.safeParse(verify(token))
      return read.success ? kind.grantOf(read.data) : undefined
    } catch {
      return undefined // whatever the library has against it, the token is not ours
    }
  }
}

const verifierOf = ({ type, key, payload }: Pick<OwnKind<z.ZodObject, never>, 'type' | 'key' | 'payload'>) =>
  createVerifier({
    algorithms: [ALGORITHM],
    key: Buffer.from(key),
    checkTyp: type,
    requiredClaims: Object.keys(payload.shape).filter((claim) => claim !== 'nbf'),
    allowedCritHeaders: [],
    complete: false,
    cache: false,
    ignoreExpiration: true, // compared with our clock
    ignoreNotBefore: true, // never in ours: the schema refuses it
    clockTolerance: 0,
  })
