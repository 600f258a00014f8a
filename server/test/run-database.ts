import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export const DATABASE_PROCESS = fileURLToPath(new URL('faults/database-process.ts', import.meta.url))

export interface DatabaseAnswer {
  readonly steps?: string[]
  readonly failed?: string
  readonly reason?: string

  /** What was said instead, when the program could not even run. */
  readonly unable?: string
}

/** Runs the program in a process of its own to its end and resolves to the last line it printed. */
export async function runDatabase(args: readonly string[]): Promise<DatabaseAnswer> {
  const child = spawn(process.execPath, [DATABASE_PROCESS, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  child.stdout.on('data', (chunk) => (output += String(chunk)))
  child.stderr.on('data', (chunk) => (output += String(chunk)))
  await once(child, 'close').catch((error: unknown) => (output = String(error)))
  const last = output.trim().split('\n').at(-1) ?? ''
  return (last.startsWith('{') ? JSON.parse(last) : { unable: output }) as DatabaseAnswer
}
