import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { sql } from 'kysely'
import { inDatabase, withDatabase } from '../server/test/postgres.ts'
import { startEmbeddedPostgres } from '../server/test/postgres-server.ts'
import { startRedis } from '../server/test/redis.ts'
import { bareFastify, betterAuth as createBetterAuth, type Contender, latchkey, type Place } from './contenders.ts'

/** PostgreSQL and Redis of the bench's own, on loopback. */
interface Helpers {
  /** A new database. */
  readonly create: (name: string) => Promise<string>
  readonly redisUrl: string
  readonly pids: readonly number[]
  stop(): Promise<void>
}

/** Everyone who is measured, those of them whom the goals name, and their databases. */
export interface Field {
  readonly contenders: readonly Contender[]
  readonly bare: Contender
  /** On SQLite, in one process. */
  readonly ours: Contender
  readonly betterAuth: Contender | undefined
  /** Ends the databases; the contenders have been stopped by then. */
  stop(): Promise<void>
}

const SECRET_KEY = 'a secret of the bench, of no use to anybody else'

/** Everyone who can be measured on this machine; tells who cannot, and why. */
export async function openField(folder: string, tell: (line: string) => void): Promise<Field> {
  const helpers = await startHelpers().catch((error: unknown) => {
    tell(`Left out: all on PostgreSQL and Redis. ${String(error)}`)
    return undefined
  })
  const bare = await bareFastify()
  const ours = await latchkey(onSqlite(folder, 1))
  const contenders = [bare, ours, await latchkey(onSqlite(folder, 2))]
  if (helpers) {
    for (const processes of [1, 2]) contenders.push(await latchkey(await onPostgres(helpers, folder, processes)))
  }
  const betterAuth = isInstalled() ? await createBetterAuth(betterAuthOnSqlite(folder)) : undefined
  if (!betterAuth) tell('Left out: better-auth. It is installed by: npm ci --prefix bench/peers')
  else contenders.push(betterAuth)
  if (betterAuth && helpers) contenders.push(await createBetterAuth(await betterAuthOnPostgres(helpers)))
  return { contenders, bare, ours, betterAuth, stop: async () => helpers?.stop() }
}

const isInstalled = (): boolean => existsSync(join(import.meta.dirname, 'peers/node_modules/better-auth'))

async function startHelpers(): Promise<Helpers> {
  const redis = await startRedis()
  const postgres = await startEmbeddedPostgres({ isDurable: true }).catch(async (error: unknown) => {
    await redis.stop()
    throw error
  })
  const info = String(await redis.ask('info', 'server'))
  return {
    async create(name) {
      await inDatabase(postgres.url, (db) => sql`create database ${sql.id(name)}`.execute(db))
      return withDatabase(postgres.url, name)
    },
    redisUrl: redis.url,
    pids: [postgres.pid, Number(/process_id:(\d+)/.exec(info)?.[1])],
    stop: async () => void (await Promise.all([postgres.stop(), redis.stop()])),
  }
}

const inProcesses = (processes: number): string => (processes === 1 ? '1 process' : `${processes} processes`)

function onSqlite(folder: string, processes: number): Place {
  const settings = { DATA_DIR: join(folder, `sqlite-${processes}`), WEB_CONCURRENCY: String(processes) }
  return { name: `Latchkey, SQLite, ${inProcesses(processes)}`, settings }
}

async function onPostgres(helpers: Helpers, folder: string, processes: number): Promise<Place> {
  const settings = {
    DATA_DIR: join(folder, `postgres-${processes}`),
    WEB_CONCURRENCY: String(processes),
    DATABASE_URL: await helpers.create(`latchkey_${processes}`),
    REDIS_URL: helpers.redisUrl,
    SECRET_KEY,
  }
  return { name: `Latchkey, PostgreSQL + Redis, ${inProcesses(processes)}`, settings, helpers: helpers.pids }
}

function betterAuthOnSqlite(folder: string): Place {
  mkdirSync(folder, { recursive: true })
  const file = join(folder, 'better-auth.db')
  return {
    name: 'better-auth, SQLite',
    settings: { DATABASE_FILE: file },
    run: async (statement) => {
      const database = new DatabaseSync(file, { timeout: 5000 })
      database.exec(statement)
      database.close()
    },
  }
}

async function betterAuthOnPostgres(helpers: Helpers): Promise<Place> {
  const url = await helpers.create('better_auth')
  return {
    name: 'better-auth, PostgreSQL',
    settings: { DATABASE_URL: url },
    helpers: helpers.pids,
    run: async (statement) => void (await inDatabase(url, (db) => sql.raw(statement).execute(db))),
  }
}
