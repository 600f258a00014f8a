import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, it } from 'vitest'
import { needs } from './needs.ts'
import { temporaryFolder } from './database.ts'
import { ready, startProcess } from './process.ts'

const ROOT = join(import.meta.dirname, '../..')
const FOLDER = join(ROOT, 'docs/flows')
const ADDRESS = 'http://localhost:8000'
const COMMAND_LINE = 'npm run --silent latchkey --'
const CLI = `node --disable-warning=ExperimentalWarning ${join(import.meta.dirname, '../src/cli.ts')}`

const answersIn = (block: string): string[] => [...block.matchAll(/^#> (.*)$/gm)].map(([, line]) => line!)

/** A page's blocks of commands whose answers it tells, as one script. */
const scriptOf = (page: string): string =>
  [...page.matchAll(/```sh\n([^]*?)```/g)]
    .map(([, block]) => block!)
    .filter((block) => answersIn(block).length > 0)
    .join('\n')

/** What a page says the server is to be started with, beside nothing: "Settings: `NAME=value NAME=value`". */
const settingsOf = (page: string): Record<string, string> =>
  Object.fromEntries(
    (/^Settings: `(.*)`$/m.exec(page)?.[1]?.split(' ') ?? []).map((setting) => setting.split('=') as [string, string]),
  )

const SCRIPTS = readdirSync(FOLDER)
  .map((name) => ({ name, page: readFileSync(join(FOLDER, name), 'utf8') }))
  .map(({ name, page }) => ({ name, script: scriptOf(page), settings: settingsOf(page) }))
  .filter(({ script }) => script !== '')

for (const { name, script, settings } of SCRIPTS) {
  it(`answers what docs/flows/${name} says it answers, command by command`, async (context) => {
    needs(context, 'curl')
    const folder = temporaryFolder()
    const { url } = await ready(startProcess(['main.ts'], { folder, settings }))
    const commands = script.replaceAll(ADDRESS, url).replaceAll(COMMAND_LINE, CLI)
    // In the repository, as the pages say, whose packages and tests some of them lean on.
    const env = { ...process.env, DATA_DIR: join(folder, 'data') }
    const bash = spawn('bash', ['-c', `set -euo pipefail\n${commands}`], { cwd: ROOT, env })
    const [out, err] = await Promise.all([text(bash.stdout), text(bash.stderr), once(bash, 'close')])
    expect(err).toBe('')
    expect(out.trim().split('\n')).toEqual(answersIn(script).map((line) => line.replaceAll(ADDRESS, url)))
  }, 60_000)
}
