import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Config } from '../config.ts'
import {
  type DatabaseLocation,
  openDatabase,
  type OpenDatabase,
  type OpeningStep,
  type OpenOptions,
} from '../database/open.ts'
import { appliedMigrations } from '../database/migrate.ts'
import { readPostgresUrl } from '../database/postgres-url.ts'
import type { Database } from '../database/schema.ts'
import { bindSecret, isBoundTo, isBoundToSecret } from '../database/secret-binding.ts'
import { databaseKeyStorage } from '../features/tokens/database-keys.ts'
import { fileKeyStorage, type KeyStorage, memoryKeyStorage } from '../features/tokens/key-store.ts'
import { type KeyVault, loadOrCreateKeys } from '../features/tokens/keyring.ts'
import type { KeyChain } from '../features/tokens/keys.ts'
import type { Clock } from '../kernel/clock.ts'
import type { Random } from '../kernel/random.ts'
import type { Tracing } from '../kernel/tracing.ts'
import { createSecret, type Secret } from '../kernel/secret.ts'
import { processCount } from './process-count.ts'
import { createSecretFile, readSecretFile, SecretMissing } from './secret-file.ts'

/** What every command of ours stands on: the database, the secret and the signing keys, found to belong together. */
export interface Foundation {
  readonly db: Database
  readonly secret: Secret
  readonly vault: KeyVault
  readonly keys: KeyChain
  readonly stats: OpenDatabase['stats']
  close(): Promise<void>
}

export interface FoundationOptions {
  readonly config: Config
  readonly clock: Clock
  readonly random: Random
  /** Nothing is kept on disk: for tests. */
  readonly inMemory?: boolean
  readonly onStep?: (step: OpeningStep) => void
  /** In place of taking the signing keys as they are: for whoever replaces them, readable or not. */
  readonly replaceKeys?: (vault: KeyVault) => Promise<KeyChain>
  /** For tests of faults; see `openDatabase`. */
  readonly beforeStatement?: OpenOptions['beforeStatement']
  /** Undefined where nobody follows requests. */
  readonly tracing?: Tracing | undefined
}

/** Where the data folder keeps what. */
export const dataFiles = (dataDir: string) => ({
  database: join(dataDir, 'latchkey.db'),
  secret: join(dataDir, 'secret.key'),
  keys: join(dataDir, 'keys.json'),
  breached: join(dataDir, 'breached.filter'),
})

type DataFiles = ReturnType<typeof dataFiles>

/** The database was made under another secret. */
export class SecretDiffers extends Error {
  override readonly name = 'SecretDiffers'

  constructor() {
    super(
      'The database was made with another SECRET_KEY (or with the one in the data folder, before SECRET_KEY was set). ' +
        'Set it back, or move to the new one with `latchkey keys rekey`.',
    )
  }
}

/** The signing keys are there and the database they were made after is not: a new one would give out its user ids again. */
export class DatabaseMissing extends Error {
  override readonly name = 'DatabaseMissing'

  constructor({ database, keys, secret }: DataFiles) {
    super(
      `The database ${database} is missing, but the signing keys made for it (${keys}) are there. ` +
        'Restore it from the backup (`latchkey restore FILE`). ' +
        `To begin anew without it, with no users, move ${basename(keys)} (and ${basename(secret)}) away first.`,
    )
  }
}

/** Throws DatabaseMissing where there was a database and is none; nothing is changed. */
export function refuseMissingDatabase(files: DataFiles): void {
  // The keys are looked for first: a first start makes the database before them, so where another process is at its first
  // start, whoever sees its keys sees its database too.
  if (existsSync(files.keys) && !existsSync(files.database)) throw new DatabaseMissing(files)
}

/** Which database the settings name. */
export function locationOf(config: Config): Exclude<DatabaseLocation, { kind: 'memory' }> {
  const { databaseUrl: url } = config.scale
  if (url !== undefined) return { kind: 'postgres', url }
  return { kind: 'file', path: dataFiles(config.server.dataDir).database, isShared: processCount(config) > 1 }
}

/** What to call it. */
export const databaseName = (config: Config): string => {
  const location = locationOf(config)
  return location.kind === 'postgres' ? readPostgresUrl(location.url).where : dataFiles(config.server.dataDir).database
}

/**
 * Whether a server was ever started on what the settings name; looks and makes nothing. Throws DatabaseMissing, and
 * DatabaseUnfit for a PostgreSQL database that cannot be used.
 */
export async function isInstalled(config: Config): Promise<boolean> {
  const location = locationOf(config)
  if (location.kind === 'postgres') return isPostgresInstalled(location.url)
  const files = dataFiles(config.server.dataDir)
  refuseMissingDatabase(files)
  return existsSync(files.database)
}

async function isPostgresInstalled(url: string): Promise<boolean> {
  const { inspectPostgres } = await import('../database/inspect.ts') // with all it takes to speak to PostgreSQL
  const { db, close } = await inspectPostgres(url)
  try {
    return (await appliedMigrations(db)).length > 0 && (await isBoundToSecret(db))
  } finally {
    await close()
  }
}

/**
 * Opens what is there and makes what is missing at a first start; never makes anew what an existing database needs.
 * Throws DatabaseMissing, DatabaseUnfit, SecretMissing, SecretDiffers, KeysMissing or KeysUnfit, each saying what to do.
 */
export async function openFoundation(options: FoundationOptions): Promise<Foundation> {
  const { config, clock, inMemory, onStep, beforeStatement } = options
  const location: DatabaseLocation = inMemory ? { kind: 'memory' } : locationOf(config)
  if (location.kind === 'file') refuseMissingDatabase(dataFiles(config.server.dataDir))
  const { db, stats, close } = await openDatabase({
    location,
    ...(onStep && { onStep }),
    ...(beforeStatement && { beforeStatement }),
    tracing: options.tracing,
  })
  try {
    const isFirstStart = !(await isBoundToSecret(db))
    const secret = createSecret(await secretBytes(options, isFirstStart))
    const vault = vaultOf(options, secret, db)
    // Before the database is bound, so that a first start broken off in between is a first start again.
    // And an existing one is asked before the keys: those of another secret must neither be read nor replaced.
    if (!isFirstStart && !(await isBoundTo(db, secret))) throw new SecretDiffers()
    const keys =
      options.replaceKeys && !isFirstStart
        ? await options.replaceKeys(vault)
        : await loadOrCreateKeys(vault, { mayCreate: isFirstStart }, clock.now())
    if ((await bindSecret(db, secret)) === 'different') throw new SecretDiffers()
    return { db, secret, vault, keys, stats, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function secretBytes(
  { config, random, inMemory }: FoundationOptions,
  isFirstStart: boolean,
): Promise<Uint8Array> {
  if (inMemory && config.secretKey === undefined) return random.bytes(32)
  const existing = await configuredSecret(config)
  if (existing) return existing
  const { secret: path } = dataFiles(config.server.dataDir)
  if (!isFirstStart) throw new SecretMissing(path)
  return createSecretFile(path, random)
}

/** The secret the settings name: SECRET_KEY, else the one in the data folder; undefined while there is neither. */
export async function configuredSecret({ secretKey, server }: Config): Promise<Uint8Array | undefined> {
  return secretKey === undefined ? readSecretFile(dataFiles(server.dataDir).secret) : Buffer.from(secretKey)
}

/** Where the signing keys lie, to be opened with this secret. Without `db`: those the data folder keeps. */
export const vaultOf = (
  options: Pick<FoundationOptions, 'config' | 'random' | 'inMemory'>,
  secret: Secret,
  db?: Database,
): KeyVault => ({
  storage: keyStorageOf(options, db),
  secret,
  random: options.random,
  algorithm: options.config.tokens.algorithm,
  accessLifetime: options.config.tokens.accessLifetime,
})

/** Where hosts share a database they share the keys in it. */
function keyStorageOf({ config, inMemory }: Pick<FoundationOptions, 'config' | 'inMemory'>, db?: Database): KeyStorage {
  if (inMemory) return memoryKeyStorage()
  const { scale, server } = config
  return db && scale.databaseUrl !== undefined ? databaseKeyStorage(db) : fileKeyStorage(dataFiles(server.dataDir).keys)
}
