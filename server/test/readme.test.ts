import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { expect, it, onTestFinished } from 'vitest'
import { needs } from './needs.ts'

const README = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8')
const ADDRESS = 'http://localhost:8000'

it("does what the README's walk-through says it does, command by command", async (context) => {
  needs(context, 'curl')
  const block = /## A walk through[^]*?```sh\n([^]*?)```/.exec(README)?.[1]
  expect(block).toBeDefined()
  const expected = [...block!.matchAll(/^#> (.*)$/gm)].map(([, line]) => line)
  expect(expected.length).toBeGreaterThan(5)

  const url = await startServer()
  const script = `set -euo pipefail\n${block!.replaceAll(ADDRESS, url)}`
  const run = spawnSync('bash', ['-c', script], { encoding: 'utf8' })
  expect(run.stderr).toBe('')
  expect(run.stdout.trim().split('\n')).toEqual(expected.map((line) => line!.replaceAll(ADDRESS, url)))
})

/** The server as `npm start` starts it, with no setting but a port that is free and a folder that is empty. */
async function startServer(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-readme-'))
  const main = join(import.meta.dirname, '../src/main.ts')
  const server = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main], {
    cwd: folder,
    env: { PATH: process.env['PATH'], PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(async () => {
    const ended = new Promise((resolve) => server.once('exit', resolve))
    server.kill('SIGTERM')
    await ended
    rmSync(folder, { recursive: true })
  })
  return ready(server)
}

/** The address in the line that a server prints once it answers. */
const ready = (server: ChildProcessByStdio<null, Readable, null>): Promise<string> =>
  new Promise((resolve, reject) => {
    let printed = ''
    server.stdout.on('data', (chunk: Buffer) => {
      printed += chunk.toString()
      const line = /^(\{"event":"ready".*)\n/m.exec(printed)?.[1]
      if (line !== undefined) resolve((JSON.parse(line) as { url: string }).url)
    })
    server.once('exit', (code) => reject(new Error(`the server ended with ${code} before it was ready:\n${printed}`)))
  })
