import { rmSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import type { Random } from '../../../src/kernel/random.ts'
import { createHosts, newFolder, type Settings } from '../hosts.ts'
import { launch, type ServerProcess, startServer } from '../server-process.ts'
import { openFile, openPostgresRecords, type Records } from './records.ts'

/** Killed are one server, several processes of one, two servers in turn; PostgreSQL is restarted at once, or stands still. */
export const KINDS = ['sqlite', 'sqlite-2', 'postgres-2', 'postgres-restart', 'postgres-stopped'] as const
export type Kind = (typeof KINDS)[number]

/** Servers on one database, and how they are struck. */
export interface Installation extends AsyncDisposable {
  /** Its servers go on while the database is struck. */
  readonly goesOn: boolean
  start(): Promise<readonly ServerProcess[]>
  /** Begins a start that is killed before it ends, or as it does. */
  breakOffStart(): Promise<void>
  /** Resolves once all that was struck is gone, or is there again; calls `last` before nobody answers any more. */
  strike(servers: readonly ServerProcess[], last: () => void): Promise<void>
  records(): Promise<Records>
}

export interface Strike {
  readonly kind: Kind
  /** How long what is stopped stands still. */
  readonly stoppedMilliseconds: number
}

export function install(strike: Strike, settings: Settings, random: Random): Promise<Installation> {
  if (strike.kind === 'sqlite') return Promise.resolve(onFile(settings, random))
  if (strike.kind === 'sqlite-2') return Promise.resolve(onFile({ ...settings, WEB_CONCURRENCY: '2' }, random))
  return onPostgres(strike, settings, random)
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
    goesOn: false,
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

async function onPostgres(strike: Strike, settings: Settings, random: Random): Promise<Installation> {
  const hosts = await createHosts(2, settings)
  const { folders, postgres, settings: shared } = hosts
  const standStill = async (): Promise<void> => {
    postgres.freeze()
    await setTimeout(strike.stoppedMilliseconds)
    postgres.thaw()
  }
  const strikes: Partial<Record<Kind, Installation['strike']>> = {
    'postgres-2': (servers, last) => killInTurn(servers, random, last),
    'postgres-restart': () => postgres.crash(),
    'postgres-stopped': standStill,
  }
  return {
    goesOn: strike.kind !== 'postgres-2',
    start: () => Promise.all(folders.map((folder) => startServer(folder, shared))),
    breakOffStart: () => breakOff(folders[random.integer(0, 1)]!, shared, random),
    strike: strikes[strike.kind]!,
    records: () => openPostgresRecords(shared.DATABASE_URL, shared.SECRET_KEY),
    [Symbol.asyncDispose]: () => hosts[Symbol.asyncDispose](),
  }
}

const LONGEST_ALONE_MILLISECONDS = 300

/** One after the other, so that for a while one goes on alone with what the other left. */
async function killInTurn(servers: readonly ServerProcess[], random: Random, last: () => void): Promise<void> {
  const [first, second] = random.integer(0, 1) === 0 ? servers : servers.toReversed()
  first!.kill('SIGKILL')
  await setTimeout(random.integer(0, LONGEST_ALONE_MILLISECONDS))
  last()
  second!.kill('SIGKILL')
  await Promise.all(servers.map(({ exited }) => exited))
}
