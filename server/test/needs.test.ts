import { execFile } from 'node:child_process'
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect, it } from 'vitest'

const HERE = import.meta.dirname
const MODULES = resolve(HERE, '../../node_modules')
const VITEST = join(MODULES, 'vitest/vitest.mjs')

it.each([
  { where: 'outside CI', ci: '', line: '0 passed, 0 failed, 1 skipped', code: 0 },
  { where: 'in CI', ci: 'true', line: '0 passed, 1 failed', code: 1 },
])('a test whose tool is missing is told aloud $where, and counted as what it was', async ({ ci, line, code }) => {
  const asked = await runVitest(ci, `it('asks a browser', (test) => { needs(test, 'chromium') })`)
  expect(asked.output).toContain('chromium is missing: apt-get install chromium')
  expect(asked.output.trimEnd().split('\n').at(-1)).toBe(line)
  expect(asked.code).toBe(code)
})

it.each([
  { what: 'passes', body: `it('a', () => {})\nit('b', () => {})`, line: '2 passed, 0 failed', code: 0 },
  {
    what: 'fails',
    body: `it('a', () => {})\nit('b', () => { throw new Error('no') })`,
    line: '1 passed, 1 failed',
    code: 1,
  },
  { what: 'does not load', body: `throw new Error('no')`, line: '0 passed, 1 failed', code: 1 },
  {
    what: 'passes beside a fault nobody awaited',
    body: `it('a', async () => { void Promise.reject(new Error('no')); await new Promise(setImmediate) })`,
    line: '1 passed, 1 failed',
    code: 1,
  },
])('the last line of a run that $what is "$line"', async ({ body, line, code }) => {
  const run = await runVitest('', body)
  expect(run.output.trimEnd().split('\n').at(-1)).toBe(line)
  expect(run.code).toBe(code)
})

/** A run of its own, in a folder of its own, with no tool in the path. */
async function runVitest(ci: string, body: string): Promise<{ output: string; code: number }> {
  const root = await mkdtemp(join(tmpdir(), 'latchkey-run-'))
  try {
    const imports = `import { it } from 'vitest'\nimport { needs } from ${JSON.stringify(join(HERE, 'needs.ts'))}\n`
    const config = { test: { reporters: ['default', join(HERE, 'tally.ts')] } }
    await symlink(MODULES, join(root, 'node_modules'), 'junction')
    await writeFile(join(root, 'planted.test.ts'), `${imports}void needs\n${body}\n`)
    await writeFile(join(root, 'vitest.config.js'), `export default ${JSON.stringify(config)}`)
    return await execute(['run', '--root', root], { PATH: '', CI: ci, NO_COLOR: '1' })
  } finally {
    await rm(root, { recursive: true })
  }
}

function execute(args: readonly string[], env: NodeJS.ProcessEnv): Promise<{ output: string; code: number }> {
  return new Promise((done) => {
    const child = execFile(process.execPath, [VITEST, ...args], { env }, (_, stdout, stderr) =>
      done({ output: stderr + stdout, code: child.exitCode ?? -1 }),
    )
  })
}
