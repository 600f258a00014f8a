import { existsSync } from 'node:fs'
import { mkdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Config } from '../../config.ts'
import { inspectDatabase } from '../../database/inspect.ts'
import { appliedMigrations } from '../../database/migrate.ts'
import type { Database } from '../../database/schema.ts'
import { isBoundTo } from '../../database/secret-binding.ts'
import { copySnapshot, noteBackup } from '../../database/snapshot.ts'
import { countUserRows, lastUserId } from '../../database/user-ids.ts'
import { endOfChain } from '../../features/audit/service.ts'
import { syncFolder } from '../../features/tokens/key-store.ts'
import { readKeys } from '../../features/tokens/keyring.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Random } from '../../kernel/random.ts'
import { createSecret, type Secret } from '../../kernel/secret.ts'
import { VERSION } from '../../kernel/version.ts'
import { configuredSecret, dataFiles, SecretDiffers, vaultOf } from '../foundation.ts'
import { SecretMissing } from '../secret-file.ts'
import { writeArchive } from './archive.ts'
import { removeAbandoned } from './folders.ts'
import { DATABASE, KEYS, MAC, MANIFEST, type ManifestFacts, writeManifest } from './manifest.ts'

export interface BackupOptions {
  readonly config: Config
  readonly clock: Clock
  readonly random: Random
  /** The file to be made; its folder is made too. */
  readonly target: string
  readonly onProgress: (stage: 'copying' | 'packing', done: number, total: number) => void
}

export type Backup =
  /** There is a file of that name. */
  | { readonly kind: 'taken' }
  | {
      readonly kind: 'made'
      readonly facts: ManifestFacts
      readonly bytes: number
      /** Whether the database knows of it: `doctor` tells the age of the last. */
      readonly isNoted: boolean
    }

/**
 * Writes the database as it is at this moment, the sealed signing keys and a manifest to one file, whole or not at all, while
 * servers go on. The secret is not in it. Throws DatabaseUnfit, SecretMissing, SecretDiffers, KeysMissing or KeysUnfit.
 */
export async function makeBackup(options: BackupOptions): Promise<Backup> {
  const { config, clock, target } = options
  if (existsSync(target)) return { kind: 'taken' }
  const files = dataFiles(config.server.dataDir)
  const bytes = await configuredSecret(config)
  if (!bytes) throw new SecretMissing(files.secret)
  const folder = dirname(target)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const now = clock.now()
  await removeAbandoned(folder, DRAFT, now)
  const draft = join(folder, `${DRAFT}${Buffer.from(options.random.bytes(6)).toString('hex')}`)
  try {
    const facts = await pack(options, createSecret(bytes), { database: `${draft}.db`, archive: `${draft}.tar` }, now)
    await rename(`${draft}.tar`, target)
    await syncFolder(folder)
    return { kind: 'made', facts, bytes: (await stat(target)).size, isNoted: noteBackup(files.database, now) }
  } finally {
    for (const end of ['.db', '.db-journal', '.tar']) await rm(`${draft}${end}`, { force: true })
  }
}

interface Drafts {
  readonly database: string
  readonly archive: string
}

async function pack(options: BackupOptions, secret: Secret, drafts: Drafts, now: Date): Promise<ManifestFacts> {
  const { config, onProgress } = options
  const files = dataFiles(config.server.dataDir)
  await copySnapshot(files.database, drafts.database, (done, total) => onProgress('copying', done, total))
  const known = await factsOf(drafts.database, secret)
  const vault = vaultOf(options, secret)
  const keysText = await vault.storage.read()
  await readKeys(vault) // that they are there and open under this secret
  const { size: total } = await stat(drafts.database)
  let facts: ManifestFacts | undefined
  await writeArchive(drafts.archive, now, async (archive) => {
    let done = 0
    const database = await archive.addFile(DATABASE, drafts.database, (bytes) => {
      done += bytes
      onProgress('packing', done, total)
    })
    const keys = await archive.addText(KEYS, keysText ?? '')
    const content = { [DATABASE]: database, [KEYS]: keys }
    facts = { version: VERSION, created_at: now.toISOString(), ...known, files: content }
    const { text, mac } = writeManifest(facts, secret)
    await archive.addText(MANIFEST, text)
    await archive.addText(MAC, `${mac}\n`)
  })
  return facts!
}

/** What the copy tells of the installation. Throws SecretDiffers, and DatabaseUnfit for one of a newer version. */
async function factsOf(
  path: string,
  secret: Secret,
): Promise<Pick<ManifestFacts, 'migrations' | 'last_user_id' | 'users' | 'audit'>> {
  const { db, pending, close } = await inspectDatabase(path)
  try {
    if (!(await isBoundTo(db, secret))) throw new SecretDiffers()
    return {
      migrations: await appliedMigrations(db),
      last_user_id: await lastUserId(db),
      users: await countUserRows(db),
      // Before an update the tables may not be those of this version yet; then the update proves nothing either.
      audit: pending.length === 0 ? await endOfAudit(db) : null,
    }
  } finally {
    await close()
  }
}

async function endOfAudit(db: Database): Promise<ManifestFacts['audit']> {
  const last = await endOfChain(db)
  return last ? { number: last.number, mac: Buffer.from(last.mac).toString('hex') } : null
}

const DRAFT = '.latchkey-backup-'
