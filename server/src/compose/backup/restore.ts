import { existsSync } from 'node:fs'
import { chmod, copyFile, type FileHandle, mkdir, mkdtemp, open, rename, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Config } from '../../config.ts'
import { isInUse } from '../../database/in-use.ts'
import { openDatabase } from '../../database/open.ts'
import { isBoundTo } from '../../database/secret-binding.ts'
import { refuseUnsound } from '../../database/snapshot.ts'
import { lastUserIdOf } from '../../database/user-ids.ts'
import { compareNoted, type NotedStanding, type Proof, proveChain } from '../../features/audit/service.ts'
import { withFileLock } from '../../features/tokens/file-lock.ts'
import { fileKeyStorage, syncFolder } from '../../features/tokens/key-store.ts'
import { readKeys } from '../../features/tokens/keyring.ts'
import type { Clock } from '../../kernel/clock.ts'
import { after, minutes } from '../../kernel/duration.ts'
import type { Random } from '../../kernel/random.ts'
import { createSecret, type Secret } from '../../kernel/secret.ts'
import { configuredSecret, dataFiles, SecretDiffers, vaultOf } from '../foundation.ts'
import { extract, partsOf, readText } from './archive.ts'
import { removeAbandoned, stampOf } from './folders.ts'
import { DATABASE, KEYS, MAC, MANIFEST, type Manifest, readManifest } from './manifest.ts'
import { settle, type Settled } from './settle.ts'
import { BackupUnfit } from './unfit.ts'

export interface RestoreOptions {
  readonly config: Config
  readonly clock: Clock
  readonly random: Random
  readonly archive: string
  /** Moves what is there aside; without it nothing is done where there is anything. */
  readonly replace: boolean
  /** Proves the backup, and leaves everything as it is. */
  readonly checkOnly: boolean
  readonly onProgress: (stage: 'unpacking' | 'proving', done: number, total: number) => void
  /** For tests of faults: called before each step that changes the data folder. */
  readonly beforeStep?: (step: string) => void
}

/** What was found in a backup. */
export interface Checked {
  readonly manifest: Manifest
  readonly audit: { readonly proof: Proof; readonly noted: NotedStanding | undefined }
  /** Migrations that this version added to it. */
  readonly migrated: readonly string[]
}

export type Restored =
  | { readonly kind: 'existing'; readonly files: readonly string[] }
  | { readonly kind: 'in_use' }
  | ({ readonly kind: 'checked' } & Checked)
  | ({
      readonly kind: 'restored'
      readonly settled: Settled
      /** `kept`: those of the data folder, which may be newer, and lack what was dropped as compromised since. */
      readonly keys: 'kept' | 'restored'
      readonly aside: string | undefined
    } & Checked)

/**
 * Puts a backup in place, or only proves it. Everything is unpacked, proven, updated and made fit for today in a folder beside,
 * and then moved in: the signing keys first and the database last. Until that last step no server starts, since there are keys
 * without a database; after a run broken off anywhere, another does it all again. Throws BackupUnfit, DatabaseUnfit, KeysUnfit.
 */
export async function restore(options: RestoreOptions): Promise<Restored> {
  const { config, checkOnly } = options
  const { dataDir } = config.server
  const secret = await secretOf(config)
  const refusal = checkOnly ? undefined : await whyNot(secret, options)
  if (refusal) return refusal
  const archive = await openArchive(options.archive)
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 })
    if (checkOnly) return await restoreFrom(archive, await checkingFolder(options), secret, options)
    return await withFileLock(`${dataFiles(dataDir).keys}.lock`, async () => {
      const stage = join(dataDir, 'restoring')
      await rm(stage, { recursive: true, force: true })
      await mkdir(stage, { mode: 0o700 })
      return restoreFrom(archive, stage, secret, options)
    })
  } finally {
    await archive.close()
  }
}

async function openArchive(path: string): Promise<FileHandle> {
  try {
    return await open(path)
  } catch (error) {
    throw new BackupUnfit((error as Error).message)
  }
}

/** Keys that open are no hindrance: they stay, and a restore that was broken off leaves them so. */
async function whyNot(secret: Secret, options: RestoreOptions): Promise<Restored | undefined> {
  const { database, keys } = dataFiles(options.config.server.dataDir)
  const there = existing(options.config.server.dataDir)
  const files = (await opens(secret, options)) ? there.filter((path) => path !== keys) : there
  if (files.length > 0 && !options.replace) return { kind: 'existing', files }
  return isDatabaseInUse(database) ? { kind: 'in_use' } : undefined
}

/** One of its own, so that a check waits for nothing and nothing waits for it. */
async function checkingFolder({ config, clock }: RestoreOptions): Promise<string> {
  const { dataDir } = config.server
  await removeAbandoned(dataDir, CHECKING, clock.now())
  return mkdtemp(join(dataDir, CHECKING))
}

const CHECKING = '.checking-backup-'

async function secretOf(config: Config): Promise<Secret> {
  const bytes = await configuredSecret(config)
  if (bytes) return createSecret(bytes)
  throw new BackupUnfit(
    `there is no secret to open it with. Put the secret.key of the installation it was made of into ${config.server.dataDir}, ` +
      'or set SECRET_KEY to what it was',
  )
}

/** What a restore would take the place of: a log left alone would be read into the new database. */
function existing(dataDir: string): string[] {
  const { database, keys } = dataFiles(dataDir)
  return [database, `${database}-wal`, `${database}-shm`, `${database}-journal`, keys].filter((path) =>
    existsSync(path),
  )
}

function isDatabaseInUse(path: string): boolean {
  try {
    return existsSync(path) && isInUse(path)
  } catch {
    return false // damaged, which is why it is replaced
  }
}

async function restoreFrom(
  archive: FileHandle,
  stage: string,
  secret: Secret,
  options: RestoreOptions,
): Promise<Restored> {
  try {
    const manifest = await unpack(archive, stage, secret, options)
    refuseUnsound(join(stage, DATABASE), options.archive, 'integrity_check')
    await readKeys({ ...vaultOf(options, secret), storage: fileKeyStorage(join(stage, KEYS)) })
    return await proveAndMoveIn(stage, manifest, secret, options)
  } finally {
    await rm(stage, { recursive: true, force: true })
  }
}

// A clock may be a little behind another machine's.
const CLOCK_LEEWAY = minutes(1)

/** Takes the database and the keys out of the archive, exactly as they were put in. */
async function unpack(
  archive: FileHandle,
  stage: string,
  secret: Secret,
  { clock, onProgress }: RestoreOptions,
): Promise<Manifest> {
  const parts = await partsOf(archive)
  const part = (name: string) => {
    const found = parts.get(name)
    if (!found) throw new BackupUnfit(`it is no backup of Latchkey: there is no ${name} in it`)
    return found
  }
  const text = await readText(archive, part(MANIFEST))
  const manifest = readManifest(text, await readText(archive, part(MAC)), secret)
  if (manifest.created_at > after(clock.now(), CLOCK_LEEWAY))
    throw new BackupUnfit(`by this machine's clock it was made in the future: set the clock right`)
  for (const name of [KEYS, DATABASE] as const) {
    let done = 0
    const expected = manifest.files[name]
    // Asked first, so that what is another's file does not fill the disk.
    if (part(name).bytes !== expected.bytes)
      throw new BackupUnfit(`${name} in it is damaged: its size is not the manifest's`)
    const found = await extract(archive, part(name), join(stage, name), (bytes) => {
      done += bytes
      onProgress('unpacking', done, part(name).bytes)
    })
    if (found.sha256 !== expected.sha256)
      throw new BackupUnfit(`${name} in it is damaged: its checksum is not the manifest's`)
  }
  return manifest
}

async function proveAndMoveIn(
  stage: string,
  manifest: Manifest,
  secret: Secret,
  options: RestoreOptions,
): Promise<Restored> {
  const { clock, random, config, checkOnly } = options
  const staged = join(stage, DATABASE)
  const migrated: string[] = []
  const { db, close } = await openDatabase({
    location: { kind: 'file', path: staged },
    onStep: (step) => step.kind === 'migrated' && migrated.push(...step.migrations),
  })
  let checked: Checked
  let settled: Settled
  try {
    if (!(await isBoundTo(db, secret))) throw new SecretDiffers()
    const proof = await proveChain(db, secret, (proven) => options.onProgress('proving', proven, proven))
    const last = manifest.audit && { number: manifest.audit.number, mac: Buffer.from(manifest.audit.mac, 'hex') }
    checked = { manifest, migrated, audit: { proof, noted: last ? await compareNoted(db, last) : undefined } }
    if (checkOnly) return { kind: 'checked', ...checked }
    const lastKnownUserId = lastUserIdOf(dataFiles(config.server.dataDir).database)
    options.beforeStep?.('settling')
    settled = await settle(db, { madeAt: manifest.created_at, now: clock.now(), secret, random, lastKnownUserId })
  } finally {
    await close()
  }
  // One file without a log, and on the disk.
  if (isInUse(staged)) throw new Error(`${staged} is in use`)
  await syncFile(staged)
  // Asked again: all this took its time, and what starts servers may have started one.
  if (isDatabaseInUse(dataFiles(config.server.dataDir).database)) return { kind: 'in_use' }
  return { kind: 'restored', ...checked, settled, ...(await moveIn(stage, secret, options)) }
}

type Moved = Pick<Extract<Restored, { kind: 'restored' }>, 'keys' | 'aside'>

async function moveIn(stage: string, secret: Secret, options: RestoreOptions): Promise<Moved> {
  const { dataDir } = options.config.server
  const files = dataFiles(dataDir)
  const beforeStep = options.beforeStep ?? (() => {})
  const keys = (await opens(secret, options)) ? 'kept' : 'restored'
  const aside = await setAside(options, beforeStep)
  if (keys === 'restored') {
    beforeStep('keys')
    await rename(join(stage, KEYS), files.keys)
  }
  await syncFolder(dataDir)
  beforeStep('database')
  await rename(join(stage, DATABASE), files.database)
  await syncFolder(dataDir)
  beforeStep('done')
  return { keys, aside }
}

/** Whether the data folder has signing keys that open: what was dropped as compromised since must not come back. */
async function opens(secret: Secret, options: RestoreOptions): Promise<boolean> {
  try {
    await readKeys(vaultOf(options, secret))
    return true
  } catch {
    return false
  }
}

/** Moves what is there to a folder of its own; the keys stay, copied, so that no server takes this for a first start. */
async function setAside(
  { config, clock }: RestoreOptions,
  beforeStep: (step: string) => void,
): Promise<string | undefined> {
  const { dataDir } = config.server
  const there = existing(dataDir)
  if (there.length === 0) return undefined
  const { keys, database } = dataFiles(dataDir)
  const aside = join(dataDir, `before-restore-${stampOf(clock.now())}`)
  beforeStep('aside')
  await mkdir(aside, { recursive: true, mode: 0o700 })
  if (there.includes(keys)) {
    await copyFile(keys, join(aside, basename(keys)))
    await chmod(join(aside, basename(keys)), 0o600)
    beforeStep('keys copied')
  }
  // Its log before the database would be lost with a crash in between, were it not folded in already: nobody has it open.
  for (const path of there
    .filter((each) => each !== keys)
    .toSorted((a, b) => Number(a === database) - Number(b === database))) {
    await rename(path, join(aside, basename(path)))
    beforeStep(`${basename(path)} moved`)
  }
  await syncFolder(aside)
  return aside
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r+')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}
