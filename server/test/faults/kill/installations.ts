import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { type Random, systemRandom } from '../../../src/kernel/random.ts'
import { startEmbeddedPostgres } from '../../postgres-server.ts'
import { startRedis } from '../../redis.ts'
import { inDatabase, withDatabase } from '../../postgres.ts'
import { sql } from 'kysely'
import { launch, type ServerProcess, startServer } from '../server-process.ts'
import { openFile, openPostgresRecords, type Records } from './records.ts'

export const KINDS = ['sqlite', 'sqlite-2', 'postgres-2', 'postgres-restart'] as const
export type Kind = (typeof KINDS)[number]

/** Servers on one database, and how they are struck. */
export interface Installation extends AsyncDisposable {
  /** Whether an answer may be a 503 while it is struck, since its servers go on. */
  readonly mayBeAway: boolean
  start(): Promise<readonly ServerProcess[]>
  /** Begins a start that is killed before it ends, or as it does. */
  breakOffStart(): Promise<void>
  /** Resolves once all that was struck is gone, or is there again; calls `last` before nobody answers any more. */
  strike(servers: readonly ServerProcess[], last: () => void): Promise<void>
  records(): Promise<Records>
}

type Settings = Readonly<Record<string, string>>

export function install(kind: Kind, settings: Settings, random: Random): Promise<Installation> {
  if (kind === 'sqlite') return Promise.resolve(onFile(settings, random))
  if (kind === 'sqlite-2') return Promise.resolve(onFile({ ...settings, WEB_CONCURRENCY: '2' }, random))
  return onPostgres(settings, random, kind === 'postgres-restart')
}

// A start takes about as long.
const LONGEST_START_MILLISECONDS = 900

async function breakOff(dataDir: string, settings: Settings, random: Random): Promise<void> {
  await using launched = launch(dataDir, settings)
  await setTimeout(random.integer(0, LONGEST_START_MILLISECONDS))
  launched.kill('SIGKILL')
}

function onFile(settings: Settings, random: Random): Installation {
  const dataDir = newFolder()
  return {
    mayBeAway: false,
    start: async () => [await startServer(dataDir, settings)],
    breakOffStart: () => breakOff(dataDir, settings, random),
    async strike([server], last) {
      last()
      server!.kill('SIGKILL')
      // Of several processes the last as well: they share its output.
      await server!.exited
    },
    records: () => Promise.resolve(openFile(dataDir)),
    [Symbol.asyncDispose]: () => Promise.resolve(rmSync(dataDir, { recursive: true, force: true })),
  }
}

const LONGEST_ALONE_MILLISECONDS = 300

/** Two servers, as on two hosts, with one PostgreSQL that waits for the disk at each commit and one Redis. */
async function onPostgres(settings: Settings, random: Random, isDatabaseStruck: boolean): Promise<Installation> {
  await using started = new AsyncDisposableStack()
  const postgres = await startEmbeddedPostgres({ isDurable: true })
  started.defer(() => postgres.stop())
  const redis = await startRedis()
  started.defer(() => redis.stop())
  const folders = [newFolder(), newFolder()]
  for (const folder of folders) started.defer(() => rmSync(folder, { recursive: true, force: true }))
  await inDatabase(postgres.url, (db) => sql`create database latchkey`.execute(db))
  const url = withDatabase(postgres.url, 'latchkey')
  const secretKey = Buffer.from(systemRandom.bytes(32)).toString('hex')
  const shared = { ...settings, DATABASE_URL: url, REDIS_URL: redis.url, SECRET_KEY: secretKey }
  const kept = started.move()
  return {
    mayBeAway: isDatabaseStruck,
    start: () => Promise.all(folders.map((folder) => startServer(folder, shared))),
    breakOffStart: () => breakOff(folders[random.integer(0, 1)]!, shared, random),
    strike: isDatabaseStruck ? () => postgres.crash() : (servers, last) => killInTurn(servers, random, last),
    records: () => openPostgresRecords(url, secretKey),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

/** One after the other, so that for a while one goes on alone with what the other left. */
async function killInTurn(servers: readonly ServerProcess[], random: Random, last: () => void): Promise<void> {
  const [first, second] = random.integer(0, 1) === 0 ? servers : servers.toReversed()
  first!.kill('SIGKILL')
  await setTimeout(random.integer(0, LONGEST_ALONE_MILLISECONDS))
  last()
  second!.kill('SIGKILL')
  await Promise.all(servers.map(({ exited }) => exited))
}

const newFolder = (): string => mkdtempSync(join(tmpdir(), 'latchkey-kill-'))
