import { chmod, link, mkdir, open, readFile, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Random } from '../kernel/random.ts'

const SECRET_BYTES = 32

/** The secret this server was first started with is not there, though its database is. */
export class SecretMissing extends Error {
  override readonly name = 'SecretMissing'

  constructor(path: string) {
    super(
      `The database was made with a secret that is missing: restore ${path}, or set SECRET_KEY to what it was. ` +
        'Without it, sign-in sessions and sealed data cannot be read. ' +
        'To another secret leads `latchkey keys rekey`, which asks for that one too.',
    )
  }
}

/** What lies where the secret should is none. */
export class SecretUnfit extends Error {
  override readonly name = 'SecretUnfit'

  constructor(path: string) {
    super(`${path} is damaged: it must hold 32 bytes in base64url. Restore it from a backup.`)
  }
}

/** The bytes of the file, or undefined when there is none. Throws SecretUnfit when it holds anything but a secret. */
export async function readSecretFile(path: string): Promise<Uint8Array | undefined> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return undefined
    throw error
  }
  const bytes = parseSecretFile(text)
  if (!bytes) throw new SecretUnfit(path)
  return bytes
}

/** The secret in the text of such a file, or undefined when that is none. */
export function parseSecretFile(text: string): Uint8Array | undefined {
  if (!/^[\w-]{43}$/.test(text.trim())) return undefined
  const bytes = new Uint8Array(Buffer.from(text.trim(), 'base64url'))
  return bytes.length === SECRET_BYTES ? bytes : undefined
}

/** Makes the secret at a first start. Of processes that start together one makes it, and all read the same. */
export async function createSecretFile(path: string, random: Random): Promise<Uint8Array> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await chmod(dirname(path), 0o700)
  const draft = `${path}.${Buffer.from(random.bytes(6)).toString('hex')}.tmp`
  const file = await open(draft, 'wx', 0o600)
  try {
    await file.writeFile(Buffer.from(random.bytes(SECRET_BYTES)).toString('base64url') + '\n')
    await file.sync()
  } finally {
    await file.close()
  }
  // A link fails where a rename would replace the secret another process has just made.
  await link(draft, path).catch((error: { code?: string }) => {
    if (error.code !== 'EEXIST') throw error as Error
  })
  await rm(draft)
  return (await readSecretFile(path))!
}
