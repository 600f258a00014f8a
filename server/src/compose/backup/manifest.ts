import { z } from 'zod'
import { equalInConstantTime, keyedHash, type Secret } from '../../kernel/secret.ts'
import { fingerprintOf } from '../../database/secret-binding.ts'
import { BackupUnfit } from './unfit.ts'

/** The names inside an archive. */
export const DATABASE = 'latchkey.db'
export const KEYS = 'keys.json'
export const MANIFEST = 'manifest.json'
export const MAC = 'manifest.mac'

const content = z.object({ bytes: z.int().nonnegative(), sha256: z.hex() })

const manifest = z.object({
  format: z.literal(1),
  /** Of the Latchkey that made it. */
  version: z.string(),
  created_at: z.iso.datetime().transform((text) => new Date(text)),
  /** Of the secret that everything in it is sealed under, and that is not in it. */
  secret_fingerprint: z.hex(),
  migrations: z.array(z.string()),
  /** The highest user id ever given out. */
  last_user_id: z.int().nonnegative(),
  users: z.int().nonnegative(),
  /** The end of the audit's chain; null where nothing was sealed yet. */
  audit: z.object({ number: z.int().positive(), mac: z.hex() }).nullable(),
  files: z.object({ [DATABASE]: content, [KEYS]: content }),
})

/** What a backup says of itself. */
export type Manifest = z.output<typeof manifest>

/** What a manifest says of the installation it was made of. */
export type ManifestFacts = Omit<z.input<typeof manifest>, 'format' | 'secret_fingerprint'>

/** The manifest as text, and the HMAC under the secret that vouches for it and through it for every file. */
export function writeManifest(facts: ManifestFacts, secret: Secret): { readonly text: string; readonly mac: string } {
  const whole: z.input<typeof manifest> = { format: 1, secret_fingerprint: fingerprintOf(secret), ...facts }
  const text = `${JSON.stringify(whole, null, 2)}\n`
  return { text, mac: Buffer.from(macOf(text, secret)).toString('hex') }
}

const macOf = (text: string, secret: Secret): Uint8Array => keyedHash(secret.key('backup'), text)

/** The manifest in the text. Throws BackupUnfit when it is none, is of another secret, or was changed since. */
export function readManifest(text: string, mac: string, secret: Secret): Manifest {
  const read = manifest.safeParse(parseJson(text))
  if (!read.success) throw new BackupUnfit('its manifest is damaged, or of a newer version of Latchkey')
  if (read.data.secret_fingerprint !== fingerprintOf(secret)) throw new BackupUnfit(OTHER_SECRET)
  if (!equalInConstantTime(macOf(text, secret), Buffer.from(mac.trim(), 'hex')))
    throw new BackupUnfit('its manifest was changed after it was made')
  return read.data
}

const OTHER_SECRET =
  'it was made under another secret. Set SECRET_KEY to what it was then, or put the secret.key of that installation ' +
  'into DATA_DIR; to another secret leads `latchkey keys rekey`, afterwards'

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
