import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { systemRandom } from '../../src/kernel/random.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../postgres-server.ts'
import { inDatabase, withDatabase } from '../postgres.ts'
import { type RedisServer, startRedis } from '../redis.ts'

export type Settings = Readonly<Record<string, string>>

/** Several hosts on one PostgreSQL that waits for the disk at each commit, and one Redis; ended and removed together. */
export interface Hosts extends AsyncDisposable {
  readonly postgres: EmbeddedPostgres
  readonly redis: RedisServer
  /** A data folder for each host. */
  readonly folders: readonly string[]
  /** What each host has in common. */
  readonly settings: Settings & { readonly DATABASE_URL: string; readonly SECRET_KEY: string }
}

export async function createHosts(count: number, settings: Settings): Promise<Hosts> {
  await using started = new AsyncDisposableStack()
  const postgres = await startEmbeddedPostgres({ isDurable: true })
  started.defer(() => postgres.stop())
  const redis = await startRedis()
  started.defer(() => redis.stop())
  const folders = Array.from({ length: count }, newFolder)
  for (const folder of folders) started.defer(() => rmSync(folder, { recursive: true, force: true }))
  await inDatabase(postgres.url, (db) => sql`create database latchkey`.execute(db))
  const kept = started.move()
  return {
    postgres,
    redis,
    folders,
    settings: {
      ...settings,
      DATABASE_URL: withDatabase(postgres.url, 'latchkey'),
      REDIS_URL: redis.url,
      SECRET_KEY: Buffer.from(systemRandom.bytes(32)).toString('hex'),
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

export const newFolder = (): string => mkdtempSync(join(tmpdir(), 'latchkey-faults-'))
