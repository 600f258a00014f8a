import { existsSync } from 'node:fs'
import type { Config } from '../config.ts'
import { isInUse } from '../database/in-use.ts'
import { openDatabase, type OpenOptions } from '../database/open.ts'
import { isInUseByOthers } from '../database/postgres-inspect.ts'
import type { Database } from '../database/schema.ts'
import { isBoundTo, isBoundToSecret, rebindSecret } from '../database/secret-binding.ts'
import { removeAllPasswordTokens, removeAllRegistrations } from '../features/account/service.ts'
import { createAudit, rechain, type Rechained } from '../features/audit/service.ts'
import { type Forgotten, forgetHashed } from '../features/attempts/service.ts'
import { removeAllAnswers } from '../features/idempotency/service.ts'
import { backlog, type Resealed, resealQueued } from '../features/messages/service.ts'
import { voidAll } from '../features/otp/service.ts'
import { countLive, endEveryones } from '../features/sessions/service.ts'
import { readKeys, resealKeys } from '../features/tokens/keyring.ts'
import { KeysUnfit } from '../features/tokens/sealed-keys.ts'
import { type ResealedTotps, resealTotps } from '../features/totp/service.ts'
import { BY_OPERATOR } from '../kernel/act.ts'
import type { Clock } from '../kernel/clock.ts'
import type { Random } from '../kernel/random.ts'
import { createSecret, type Secret } from '../kernel/secret.ts'
import { configuredSecret, dataFiles, locationOf, vaultOf } from './foundation.ts'
import { createSecretFile, parseSecretFile, readSecretFile } from './secret-file.ts'

export interface RekeyOptions {
  readonly config: Config
  readonly clock: Clock
  readonly random: Random
  /** The secret used so far, as SECRET_KEY or as the text of `secret.key`; undefined: the one in the data folder. */
  readonly oldSecret: string | undefined
  /** False: only tells what would happen. */
  readonly carryOut: boolean
  /** For tests of faults; see `openDatabase`. */
  readonly beforeStatement?: OpenOptions['beforeStatement']
}

export type Rekeying =
  /** Nothing was ever sealed here. */
  | { readonly kind: 'nothing_yet' }
  | { readonly kind: 'in_use' }
  /** Everything is under the secret of the settings already. */
  | { readonly kind: 'same' }
  | { readonly kind: 'old_secret_needed' }
  | { readonly kind: 'planned'; readonly sessions: number; readonly messages: number }
  | ({ readonly kind: 'done' } & Moved)

/** What became of everything that hangs on the secret. */
interface Moved extends Resealed, Forgotten, ResealedTotps {
  readonly sessions: number
  readonly codes: number
  readonly passwordTokens: number
  readonly audit: Rechained | undefined
}

const NOTHING_TO_MOVE: Moved = {
  sessions: 0,
  codes: 0,
  passwordTokens: 0,
  devices: 0,
  counters: 0,
  resealed: 0,
  givenUp: 0,
  totps: 0,
  lostTotps: 0,
  audit: undefined,
}

/**
 * Moves everything from the old secret to that of the settings. Two places hold what is sealed, and each changes as a
 * whole: first the signing keys (a file, or a row), then the rest of the database, whose fingerprint of the secret changes
 * in the same transaction as its rows. Each place is asked for itself which secret it is under, so that a run broken off
 * anywhere is finished by another. Until then no server starts. Throws DatabaseUnfit, KeysMissing or KeysUnfit.
 */
export async function rekey(options: RekeyOptions): Promise<Rekeying> {
  const { config, beforeStatement } = options
  const location = locationOf(config)
  if (location.kind === 'file' && !existsSync(location.path)) return { kind: 'nothing_yet' }
  // A server that goes on would seal, hash and sign under the old secret what nobody can read afterwards.
  if (location.kind === 'file' && isInUse(location.path)) return { kind: 'in_use' }
  const { db, close } = await openDatabase({
    location: location.kind === 'postgres' ? { ...location, isPatient: true } : location,
    ...(beforeStatement && { beforeStatement }),
  })
  try {
    if (location.kind === 'postgres' && (await isInUseByOthers(db))) return { kind: 'in_use' }
    return await rekeyOpened(db, options)
  } finally {
    await close()
  }
}

async function rekeyOpened(db: Database, options: RekeyOptions): Promise<Rekeying> {
  if (!(await isBoundToSecret(db))) return { kind: 'nothing_yet' }
  const configured = await configuredSecret(options.config)
  const to = configured && createSecret(configured)
  const candidates = await oldSecrets(options)
  const inDatabase = await secretOfDatabase(db, to, candidates)
  const inKeys = await secretOfKeys(db, options, to, candidates)
  if (!inDatabase || !inKeys) return { kind: 'old_secret_needed' }
  if (inDatabase === to && inKeys === to) return { kind: 'same' }
  if (!options.carryOut) return plan(db, options.clock.now())
  const target =
    to ?? createSecret(await createSecretFile(dataFiles(options.config.server.dataDir).secret, options.random))
  if (inKeys !== target) await resealKeys(vaultOf(options, inKeys, db), target)
  return moveDatabase(db, inDatabase, target, options)
}

/** What was given may be either form of a secret; without it, the data folder's own is what was used before. */
async function oldSecrets({ config, oldSecret }: RekeyOptions): Promise<Secret[]> {
  const given = oldSecret === undefined ? [] : [Buffer.from(oldSecret), parseSecretFile(oldSecret)]
  const kept = await readSecretFile(dataFiles(config.server.dataDir).secret)
  return [...given, kept].filter((bytes) => bytes !== undefined).map(createSecret)
}

async function secretOfDatabase(
  db: Database,
  to: Secret | undefined,
  candidates: readonly Secret[],
): Promise<Secret | undefined> {
  for (const secret of to ? [to, ...candidates] : candidates) if (await isBoundTo(db, secret)) return secret
  return undefined
}

async function secretOfKeys(
  db: Database,
  options: RekeyOptions,
  to: Secret | undefined,
  candidates: readonly Secret[],
): Promise<Secret | undefined> {
  for (const secret of to ? [to, ...candidates] : candidates) {
    try {
      await readKeys(vaultOf(options, secret, db))
      return secret
    } catch (error) {
      if (!(error instanceof KeysUnfit)) throw error
    }
  }
  return undefined
}

async function plan(db: Database, now: Date): Promise<Rekeying> {
  const { queued } = await backlog(db, now)
  return { kind: 'planned', sessions: await countLive(db, now, Number.MAX_SAFE_INTEGER), messages: queued }
}

const moveDatabase = (db: Database, from: Secret, to: Secret, { clock, random }: RekeyOptions): Promise<Rekeying> =>
  db.transaction().execute(async (db): Promise<Rekeying> => {
    if (from === to) return { kind: 'done', ...NOTHING_TO_MOVE }
    const now = clock.now()
    const sessions = await endEveryones(db, 'ended_by_operator', now)
    const codes = (await voidAll(db, now)) + (await removeAllRegistrations(db))
    const passwordTokens = await removeAllPasswordTokens(db)
    const forgotten = await forgetHashed(db)
    await removeAllAnswers(db)
    const secrets = { from, to, random }
    const resealed = { ...(await resealQueued(db, secrets, now)), ...(await resealTotps(db, secrets)) }
    const audit = await rechain(db, secrets, now)
    await putOnRecord(db, random, audit, now)
    if (!(await rebindSecret(db, from, to))) throw new Error('the database was moved to another secret meanwhile')
    return { kind: 'done', sessions, codes, passwordTokens, ...forgotten, ...resealed, audit }
  })

/** With what was proven under the old secret, since nobody can ask the old chain any more. */
async function putOnRecord(db: Database, random: Random, { broken, last }: Rechained, now: Date): Promise<void> {
  const chain = broken
    ? { chain: 'broken', broken_at: broken.number, flaw: broken.flaw }
    : { chain: 'intact', last_number: last.number, last_mac: last.mac }
  await createAudit({ random }).record(db, BY_OPERATOR, { type: 'secret_changed', userId: null, details: chain }, now)
}
