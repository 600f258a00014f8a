import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { onTestFinished } from 'vitest'
import { temporaryFolder } from './database.ts'

const SOURCES = resolve(import.meta.dirname, '../src')

export interface Process {
  readonly child: ChildProcess
  out(): string
  err(): string
  /** The first line on stdout that this matches; rejects when the process ends without one. */
  line(pattern: RegExp): Promise<string>
  /** Its exit code, or the signal that ended it. */
  ended(): Promise<number | NodeJS.Signals | null>
}

/** `main.ts` or `cli.ts` as a process of its own, in an empty folder, with these settings alone; killed when the test ends. */
export function startProcess(
  words: readonly string[],
  { settings = {}, folder = temporaryFolder() }: { settings?: Record<string, string>; folder?: string } = {},
): Process {
  const [script = '', ...rest] = words
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', resolve(SOURCES, script), ...rest], {
    cwd: folder,
    env: { PATH: process.env['PATH'], PORT: '0', ...settings },
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const texts = { out: '', err: '' }
  child.stdout.on('data', (bytes: Buffer) => (texts.out += bytes.toString()))
  child.stderr.on('data', (bytes: Buffer) => (texts.err += bytes.toString()))
  const ended = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals | null)
  const find = (pattern: RegExp) => texts.out.split('\n').find((line) => pattern.test(line))
  return {
    child,
    out: () => texts.out,
    err: () => texts.err,
    ended: () => ended,
    line: (pattern) =>
      new Promise((done, fail) => {
        const look = () => {
          const line = find(pattern)
          if (line !== undefined) done(line)
        }
        child.stdout.on('data', look)
        look()
        child.once('close', () => fail(new Error(`ended without ${pattern}:\n${texts.out}${texts.err}`)))
      }),
  }
}

/** The line of JSON by which a server says that it answers. */
export async function ready(server: Process): Promise<{ url: string; first_admin?: string }> {
  return JSON.parse(await server.line(/"event":"ready"/)) as { url: string; first_admin?: string }
}
