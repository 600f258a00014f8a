import { z } from 'zod'
import { type KeyChain, publicMembers, publishedAt } from './keys.ts'

const publicJwk = z
  .object({
    kty: z.enum(['EC', 'OKP', 'RSA']),
    alg: z.enum(['ES256', 'EdDSA', 'RS256']),
    use: z.literal('sig'),
    kid: z.string().meta({
      description: 'The SHA-256 thumbprint (RFC 7638).',
      examples: ['NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs'],
    }),
    crv: z.string().optional(),
    x: z.string().optional(),
    y: z.string().optional(),
    n: z.string().optional(),
    e: z.string().optional(),
  })
  .meta({ id: 'PublicJwk', description: 'A public key (RFC 7517 §4).' })

/** A JWK set (RFC 7517 §5). It names every member that may leave, all of them public. */
export const jwkSetSchema = z.object({ keys: z.array(publicJwk) }).meta({ id: 'JwkSet' })

export type JwkSet = z.output<typeof jwkSetSchema>

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
