import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { type Usage, usageOf } from './process-tree.ts'

/** A measured program, in processes of its own and reachable on loopback only. */
export interface Child {
  readonly port: number
  readonly pid: number
  /** From the exec of node to the line that says that it answers. */
  readonly readyAfter: { readonly milliseconds: number; readonly cpuMicroseconds: number }
  /** Of all its processes. */
  usage(): Usage
  stop(): Promise<void>
}

const LONGEST_START_MS = 30_000

/** Starts the program with `PORT` set to a free port and resolves once it says on its stdout that it is ready. */
export async function startChild(program: string, env: Readonly<Record<string, string>> = {}): Promise<Child> {
  const port = await freePort()
  const began = performance.now()
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=2', join(import.meta.dirname, program)],
    {
      env: { PATH: process.env['PATH'], HOST: '127.0.0.1', PORT: String(port), ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  const killed = (): boolean => child.kill('SIGKILL')
  process.once('exit', killed) // whatever ends the bench ends what it started
  await readyLine(child, program)
  const milliseconds = performance.now() - began
  const pid = child.pid!
  const usage = (): Usage => usageOf([pid])
  return {
    port,
    pid,
    readyAfter: { milliseconds, cpuMicroseconds: usage().cpuMicroseconds },
    usage,
    async stop() {
      child.kill('SIGTERM')
      if (child.exitCode === null) await once(child, 'exit')
      process.off('exit', killed)
    },
  }
}

async function readyLine(child: ChildProcess, program: string): Promise<void> {
  const answer = Promise.withResolvers<void>()
  let said = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    if (said.includes('"ready"')) return
    said += chunk.toString()
    if (said.includes('"ready"')) answer.resolve()
  })
  child.once('exit', (code) => answer.reject(new Error(`${program} ended with ${code}`)))
  const late = setTimeout(() => answer.reject(new Error(`${program} does not get ready`)), LONGEST_START_MS)
  await answer.promise.finally(() => clearTimeout(late))
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}
