import type { JsonWebKey } from 'node:crypto'
import { z } from 'zod'
import type { Random } from '../../kernel/random.ts'
import { seal, type Secret, unseal } from '../../kernel/secret.ts'
import { isPrivateKeyFor, type KeyChain, type SigningKey, thumbprint } from './keys.ts'

/** The signing keys are gone although this installation had some: never answered by silently making new ones. */
export class KeysMissing extends Error {
  constructor(place: string) {
    super(
      `The signing keys (${place}) are missing, but the database says they were made. Put them back from a backup. ` +
        `If it is lost, \`latchkey keys rotate --compromised\` makes a new key; every access token given out until then ` +
        `ends at once, and clients fetch new ones with their refresh tokens.`,
    )
    this.name = 'KeysMissing'
  }
}

/** The signing keys are there but cannot be used; the message says why and what to do. */
export class KeysUnfit extends Error {
  constructor(place: string, why: string) {
    super(
      `The signing keys (${place}) cannot be used: ${why}. If neither can be recovered, ` +
        `\`latchkey keys rotate --compromised\` replaces them by a new key; every access token given out until then ends ` +
        `at once, and clients fetch new ones with their refresh tokens.`,
    )
    this.name = 'KeysUnfit'
  }
}

const moment = z.iso.datetime().transform((text) => new Date(text))

const storedKey = z.object({
  kid: z.string(),
  algorithm: z.enum(['ES256', 'EdDSA', 'RS256']),
  createdAt: moment,
  signsFrom: moment,
  retiresAt: moment.optional(),
  dropsAt: moment.optional(),
  sealed: z.base64url(),
})

const storedChain = z
  .object({ version: z.literal(1), keys: z.tuple([storedKey], storedKey) })
  .refine(({ keys }) => keys.at(-1)?.dropsAt === undefined)

type StoredKey = z.output<typeof storedKey>

/** The keys as text to be stored: each private JWK under AES-GCM with its kid as context, the moments readable. */
export function sealKeys(chain: KeyChain, secret: Secret, random: Random): string {
  const keys = chain.map(({ privateJwk, ...key }) => {
    const plain = Buffer.from(JSON.stringify(privateJwk))
    return {
      ...key,
      sealed: Buffer.from(seal(secret.key('signing-keys'), plain, key.kid, random)).toString('base64url'),
    }
  })
  return `${JSON.stringify({ version: 1, keys }, null, 2)}\n`
}

/** What `sealKeys` stored. Throws KeysUnfit when the text is damaged or was sealed under another secret. */
export function unsealKeys(text: string, secret: Secret, place: string): KeyChain {
  const stored = storedChain.safeParse(parseJson(text))
  if (!stored.success) {
    throw new KeysUnfit(place, 'the file is damaged or comes from a newer version. Put it back from a backup')
  }
  const [first, ...rest] = stored.data.keys
  return [unsealKey(first, secret, place), ...rest.map((key) => unsealKey(key, secret, place))]
}

function unsealKey({ sealed, ...key }: StoredKey, secret: Secret, place: string): SigningKey {
  const plain = unseal(secret.key('signing-keys'), Buffer.from(sealed, 'base64url'), key.kid)
  if (!plain) {
    throw new KeysUnfit(
      place,
      `key ${key.kid} does not open. Either SECRET_KEY is not the one it was sealed under (set that one again), ` +
        `or the file was changed (put it back from a backup)`,
    )
  }
  const privateJwk = JSON.parse(Buffer.from(plain).toString()) as JsonWebKey
  if (!isPrivateKeyFor(key.algorithm, privateJwk) || thumbprint(privateJwk) !== key.kid) {
    throw new KeysUnfit(place, `key ${key.kid} is not the ${key.algorithm} key it claims to be. Put back a backup`)
  }
  return { ...key, privateJwk, retiresAt: key.retiresAt, dropsAt: key.dropsAt }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
