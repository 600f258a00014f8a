import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

/** No throttles, though failed sign-ins are counted; and an issuer that outlives the port, as a PUBLIC_URL would. */
export const UNTHROTTLED = {
  JWT_ISSUER: 'latchkey-under-test',
  THROTTLE_ANON: 'off',
  THROTTLE_USER: 'off',
  THROTTLE_LOGIN: '1000000/min',
  THROTTLE_REGISTER: 'off',
  THROTTLE_REFRESH: 'off',
  THROTTLE_OTP_SEND: 'off',
  THROTTLE_OTP_VERIFY: 'off',
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** The real server in a process of its own. */
export interface ServerProcess extends AsyncDisposable {
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  readonly port: number
  /** What it wrote so far, both streams. */
  output(): string
  kill(signal: NodeJS.Signals): void
  readonly exited: Promise<Exit>
}

/** A process begun, whether or not it ever gets ready. */
export interface Launched extends Omit<ServerProcess, 'url' | 'port'> {
  /** The URL it says it answers at; rejects when it ends before it says so. */
  readonly ready: Promise<string>
}

/** Starts the server on a data folder, with these settings and nothing else of this process's environment. */
export function launch(dataDir: string, settings: Readonly<Record<string, string>> = {}): Launched {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN], {
    cwd: dataDir, // no `.env` there
    env: { PATH: process.env['PATH'], PORT: '0', DATA_DIR: dataDir, ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const lines: string[] = []
  const ready = Promise.withResolvers<string>()
  ready.promise.catch(() => {}) // whoever kills it before it is ready does not ask
  createInterface(child.stdout).on('line', (line) => {
    lines.push(line)
    if (line.startsWith('{"event":"ready"')) ready.resolve((JSON.parse(line) as { url: string }).url)
  })
  createInterface(child.stderr).on('line', (line) => lines.push(line))
  const output = (): string => lines.join('\n')
  const exited = once(child, 'close').then(([code, signal]): Exit => {
    ready.reject(new Error(`the server ended before it was ready (${code ?? signal}):\n${output()}`))
    return { code, signal }
  })
  const kill = (signal: NodeJS.Signals): void => void child.kill(signal)
  return {
    ready: ready.promise,
    output,
    kill,
    exited,
    async [Symbol.asyncDispose]() {
      kill('SIGKILL')
      await exited
    },
  }
}

/** Starts the server and waits until it answers. `await using` ends it at the end of the block. */
export async function startServer(
  dataDir: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<ServerProcess> {
  const launched = launch(dataDir, settings)
  const port = Number(new URL(await launched.ready).port)
  return { ...launched, port, url: `http://127.0.0.1:${port}` }
}
