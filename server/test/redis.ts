import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { onTestFinished, type TestContext } from 'vitest'
import type { Certificate } from './lookalikes/certificate.ts'
import { closedPort } from './lookalikes/loopback.ts'
import { skipAloud } from './skip.ts'

/** Where Debian puts it; valkey-server would do as well. */
const PROGRAM = '/usr/bin/redis-server'

/** A real Redis of the test's own on loopback, in an empty folder, nothing kept on disk. */
export interface RedisServer {
  /** Stays the same over `restart`. */
  readonly url: string
  readonly port: number
  /** `SIGSTOP` makes it hang: this one has no `DEBUG SLEEP` to ask for. */
  signal(signal: NodeJS.Signals): void
  /** As by `kill -9`, with all it counted. */
  kill(): Promise<void>
  /** Empty, on the same port. */
  restart(): Promise<void>
  /** Asked on a connection of its own, as redis-cli would. */
  ask(...words: readonly [string, ...string[]]): Promise<unknown>
  stop(): Promise<void>
}

export interface RedisOptions {
  /** What redis.conf would hold, as words of the command line. */
  readonly settings?: readonly string[]
  readonly password?: string
  /** Answers TLS alone. */
  readonly certificate?: Certificate
}

/**
 * Starts Redis; it is ended with the test. Where this machine has none, the test is skipped aloud; in CI (the variable `CI`
 * set) nothing is skipped and this throws instead.
 */
export async function needsRedis(context: TestContext, options: RedisOptions = {}): Promise<RedisServer> {
  const server = await startRedis(options).catch((error: unknown) =>
    skipAloud(context, `${String(error)}: apt-get install redis-server`),
  )
  onTestFinished(() => server.stop())
  return server
}

/** The same outside a test: whoever starts it stops it. */
export async function startRedis({ settings = [], password, certificate }: RedisOptions = {}): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-redis-'))
  const port = await closedPort()
  const words = [
    '--bind',
    '127.0.0.1',
    '--dir',
    folder,
    '--save',
    '',
    '--appendonly',
    'no',
    ...(certificate ? tlsWords(folder, port, certificate) : ['--port', String(port)]),
    ...(password === undefined ? [] : ['--requirepass', password]),
    ...settings,
  ]
  const connection = { port, ...(password !== undefined && { password }), ...(certificate && TRUSTING) }
  let process = await begin(words, connection).catch((error: unknown) => {
    rmSync(folder, { recursive: true })
    throw error
  })
  const kill = () => end(process)
  const authority = `${password === undefined ? '' : `:${encodeURIComponent(password)}@`}127.0.0.1:${port}`
  return {
    port,
    url: `${certificate ? 'rediss' : 'redis'}://${authority}`,
    signal: (signal) => void process.kill(signal),
    kill,
    async restart() {
      await kill()
      process = await begin(words, connection)
    },
    ask: (...asked) => ask(connection, asked),
    async stop() {
      await kill()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const TRUSTING = { tls: { rejectUnauthorized: false } }

function tlsWords(folder: string, port: number, { key, cert }: Certificate): string[] {
  const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  writeFileSync(keyFile, key, { mode: 0o600 })
  writeFileSync(certFile, cert)
  const files = ['--tls-key-file', keyFile, '--tls-cert-file', certFile, '--tls-ca-cert-file', certFile]
  return ['--port', '0', '--tls-port', String(port), '--tls-auth-clients', 'no', ...files]
}

type Connecting = { readonly port: number; readonly password?: string; readonly tls?: object }

async function begin(words: readonly string[], connection: Connecting): Promise<ChildProcess> {
  const server = spawn(PROGRAM, words, { stdio: 'ignore' })
  const failed = Promise.withResolvers<never>()
  failed.promise.catch(() => {})
  server.once('error', failed.reject)
  server.once('exit', (code) => failed.reject(new Error(`${PROGRAM} ended with ${code}`)))
  try {
    await Promise.race([answering(connection), failed.promise])
    return server
  } catch (error) {
    server.kill('SIGKILL')
    throw error
  }
}

async function answering(connection: Connecting): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const isUp = await ask(connection, ['ping']).then(
      () => true,
      () => false,
    )
    if (isUp) return
    await sleep(25)
  }
  throw new Error(`${PROGRAM} did not answer`)
}

async function ask(connection: Connecting, [command, ...words]: readonly [string, ...string[]]): Promise<unknown> {
  const client = new Redis({ ...connection, lazyConnect: true, retryStrategy: null })
  client.on('error', () => {})
  try {
    await client.connect()
    return await client.call(command, ...words)
  } finally {
    client.disconnect()
  }
}

async function end(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return
  const ended = once(server, 'exit')
  server.kill('SIGKILL')
  await ended
}
