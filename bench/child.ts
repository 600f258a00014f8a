import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** A measured program, alone in its process and reachable on loopback only. */
export interface Child {
  readonly port: number
  /** Microseconds of processor time used so far. */
  cpu(): Promise<number>
  stop(): Promise<void>
}

const METER = join(import.meta.dirname, 'meter.ts')
const READY_ATTEMPTS = 200
const READY_PAUSE_MS = 25

/** Starts the program with `PORT` set to a free port and resolves once `readyPath` answers 200. */
export async function startChild(
  program: string,
  env: Readonly<Record<string, string>>,
  readyPath: string,
): Promise<Child> {
  const port = await freePort()
  const child = fork(join(import.meta.dirname, program), {
    env: { PATH: process.env['PATH'], HOST: '127.0.0.1', PORT: String(port), ...env },
    execArgv: ['--disable-warning=ExperimentalWarning', '--import', METER],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const killed = (): boolean => child.kill('SIGKILL')
  process.once('exit', killed) // whatever ends the bench ends what it started
  await answering(child, `http://127.0.0.1:${port}${readyPath}`)
  return {
    port,
    cpu: () => askCpu(child),
    async stop() {
      child.kill('SIGTERM')
      if (child.exitCode === null) await once(child, 'exit')
      process.off('exit', killed)
    },
  }
}

async function askCpu(child: ChildProcess): Promise<number> {
  const answer = once(child, 'message')
  child.send('cpu')
  const [microseconds] = (await answer) as [number]
  return microseconds
}

async function answering(child: ChildProcess, url: string): Promise<void> {
  for (let attempt = 0; attempt < READY_ATTEMPTS; attempt++) {
    if (child.exitCode !== null) throw new Error(`${child.spawnargs.at(-1)} ended with ${child.exitCode}`)
    const response = await fetch(url).catch(() => undefined)
    if (response?.ok) return
    await sleep(READY_PAUSE_MS)
  }
  throw new Error(`${url} did not answer`)
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}
