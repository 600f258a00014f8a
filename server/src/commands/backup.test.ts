import { cpSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { backUp } from '../../test/backups.ts'
import { createCommandWorld, startedWorld } from '../../test/command.ts'
import { temporaryFolder } from '../../test/database.ts'
import { ready, startProcess } from '../../test/process.ts'
import { UNLIMITED } from '../../test/unlimited.ts'

const PASSWORD = 'Correct-Horse-7'

const post = async (url: string, body: object, token?: string) => {
  const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) }
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
  return { status: answer.status, body: (await answer.json()) as Record<string, never> }
}

it(
  'backup under load holds every user acknowledged before, and a server elsewhere signs them in from it',
  { timeout: 120_000 },
  async () => {
    const home = join(temporaryFolder(), 'data')
    const settings = { ...UNLIMITED, DATA_DIR: home }
    const server = startProcess(['main.ts'], { settings })
    const { url } = await ready(server)
    const register = (number: number) =>
      post(`${url}/api/users/`, { email: `user${number}@example.com`, password: PASSWORD })
    for (let number = 0; number < 10; number++) expect((await register(number)).status).toBe(201)
    const old = await post(`${url}/api/token/`, { email: 'user0@example.com', password: PASSWORD })
    const until = new AbortController()
    let next = 10
    const load = Array.from({ length: 2 }, async () => {
      while (!until.signal.aborted) expect((await register(next++)).status).toBe(201)
    })
    const file = join(temporaryFolder(), 'backup.tar')
    const made = startProcess(['cli.ts', 'backup', '--json', '--to', file], { settings })
    expect(await made.ended(), made.err()).toBe(0)
    until.abort()
    await Promise.all(load)
    const facts = JSON.parse(made.out()) as { users: number }
    expect(facts.users).toBeGreaterThanOrEqual(10)
    expect(facts.users).toBeLessThanOrEqual(next)
    server.child.kill('SIGTERM')
    await server.ended()

    const there = join(temporaryFolder(), 'data')
    cpSync(join(home, 'secret.key'), join(there, 'secret.key'), { recursive: true })
    const restoring = startProcess(['cli.ts', 'restore', file], { settings: { DATA_DIR: there } })
    expect(await restoring.ended(), restoring.err()).toBe(0)
    const again = startProcess(['main.ts'], { settings: { ...UNLIMITED, DATA_DIR: there } })
    const { url: newUrl } = await ready(again)
    const refreshed = await post(`${newUrl}/api/token/refresh/`, { refresh: old.body['refresh'] })
    expect([refreshed.status, refreshed.body['code']]).toEqual([401, 'token_not_valid'])
    const tokens = await post(`${newUrl}/api/token/`, { email: 'user9@example.com', password: PASSWORD })
    expect(tokens.status).toBe(200)
    const fresh = await post(`${newUrl}/api/token/refresh/`, { refresh: tokens.body['refresh'] })
    expect(fresh.status).toBe(200)
    const newcomer = await post(`${newUrl}/api/users/`, { email: 'late@example.com', password: PASSWORD })
    expect(Number(newcomer.body['id'])).toBeGreaterThan(next + 10_000)
  },
)

it('backup makes one file that its owner alone may read, and leaves nothing beside it', async () => {
  const world = await startedWorld()
  const file = await backUp(world)
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(readdirSync(join(file, '..'))).toEqual(['backup.tar'])
  expect(readFileSync(file).includes(readFileSync(join(world.dataDir, 'secret.key'), 'utf8').trim())).toBe(false)
  const { code, err } = await world.type(`backup --to ${file}`)
  expect({ code, err }).toEqual({ code: 1, err: `${file} is there already. Nothing was done.` })
})

it('backup goes to the data folder, named by the moment, unless told where', async () => {
  const world = await startedWorld()
  const { json } = await world.type('backup --json')
  expect(json).toMatchObject({ secret_included: false, users: 0, audit: null })
  expect(json.file).toMatch(/data\/backups\/latchkey-\d{8}T\d{6}Z\.tar$/)
  expect(existsSync(json.file)).toBe(true)
})

it('backup and restore name what PostgreSQL has of its own where DATABASE_URL is set', async () => {
  const world = createCommandWorld({ DATABASE_URL: 'postgres://a:b@localhost/c', SECRET_KEY: 'x'.repeat(40) })
  for (const [words, tool] of [
    ['backup', 'pg_dump --format=custom'],
    ['restore x.tar', 'pg_restore --no-owner'],
  ] as const) {
    const { code, err } = await world.type(words)
    expect(code).toBe(1)
    expect(err).toContain(tool)
    expect(err).not.toContain('a:b')
  }
})
