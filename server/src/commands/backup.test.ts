import {
  chmodSync,
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it } from 'vitest'
import { type CommandWorld, createCommandWorld, startedWorld } from '../../test/command.ts'
import { insertUser, temporaryFolder } from '../../test/database.ts'
import { ready, startProcess } from '../../test/process.ts'
import { UNLIMITED } from '../../test/unlimited.ts'
import { useInstallation } from '../../test/used-installation.ts'
import { sealDue } from '../features/audit/sealer.ts'
import { createAudit } from '../features/audit/service.ts'
import { BY_OPERATOR } from '../kernel/act.ts'
import { days, hours } from '../kernel/duration.ts'
import { systemRandom } from '../kernel/random.ts'

const PASSWORD = 'Correct-Horse-7'

const post = async (url: string, body: object, token?: string) => {
  const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) }
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
  return { status: answer.status, body: (await answer.json()) as Record<string, never> }
}

/** One whose database tells something, with a backup of it. */
async function backedUp(): Promise<{ world: CommandWorld; file: string; userId: number }> {
  const world = await startedWorld()
  const { userId } = await useInstallation(world)
  await putOnRecord(world)
  return { world, file: await backUp(world), userId }
}

const putOnRecord = (world: CommandWorld): Promise<void> =>
  world.inside(async ({ db, secret }) => {
    const now = world.clock.now()
    await createAudit({ random: systemRandom }).record(db, BY_OPERATOR, { type: 'registered', userId: 1 }, now)
    await sealDue(db, { secret, clock: world.clock, holder: 'test' })
  })

async function backUp(world: CommandWorld): Promise<string> {
  const file = join(temporaryFolder(), 'backup.tar')
  const { code, err } = await world.type(`backup --to ${file}`)
  expect({ code, err }).toEqual({ code: 0, err: '' })
  return file
}

/** Another machine with the same secret and nothing else. */
function elsewhere(world: CommandWorld): CommandWorld {
  const other = createCommandWorld()
  cpSync(join(world.dataDir, 'secret.key'), join(other.dataDir, 'secret.key'), { recursive: true })
  other.clock.turn((world.clock.now().getTime() - other.clock.now().getTime()) as never)
  return other
}

const filesOf = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder).toSorted() : [])

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
    let [writing, next] = [true, 10]
    const load = Array.from({ length: 2 }, async () => {
      while (writing) expect((await register(next++)).status).toBe(201)
    })
    const file = join(temporaryFolder(), 'backup.tar')
    const made = startProcess(['cli.ts', 'backup', '--json', '--to', file], { settings })
    expect(await made.ended(), made.err()).toBe(0)
    writing = false
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

describe('restore', () => {
  it('ends what was alive then, counts user ids on behind all given out, and puts it on record', async () => {
    const { world, file, userId } = await backedUp()
    const other = elsewhere(world)
    other.clock.turn(hours(1))
    const { code, json } = await other.type(`restore --json ${file}`)
    expect(code).toBe(0)
    const upTo = userId + 10_000 + 36_000
    expect(json).toMatchObject({ restored: true, sessions: 1, codes: 1, keys: 'restored', ids_up_to: upTo })
    expect(json.audit).toEqual({ proven: 1, broken: null, noted: 'as_noted' })
    await other.inside(async ({ db }) => {
      const sessions = await db.selectFrom('sessions').select('endReason').execute()
      expect(sessions).toEqual([{ endReason: 'ended_by_operator' }])
      expect(await insertUser(db, 'newcomer')).toBe(upTo + 1)
      const event = db.selectFrom('auditEvents').select('details').where('type', '=', 'backup_restored')
      expect(JSON.parse((await event.executeTakeFirstOrThrow()).details)).toMatchObject({ ids_up_to: upTo })
    })
    expect(filesOf(other.dataDir)).toEqual(['keys.json', 'keys.json.lock', 'latchkey.db', 'secret.key'])
    expect((await other.type('audit verify')).code).toBe(0)
  })

  it('gives out no id again when one backup is restored twice', async () => {
    const { world, file } = await backedUp()
    const ids: number[] = []
    for (let times = 0; times < 2; times++) {
      expect((await world.type(`restore --replace ${file}`)).code).toBe(0)
      await world.inside(async ({ db }) => {
        for (const name of ['one', 'two']) ids.push(await insertUser(db, `${name}-${times}`))
      })
      world.clock.turn(hours(1))
    }
    expect(new Set(ids).size).toBe(4)
  })

  it('--check proves a backup beside a running server and changes nothing', async () => {
    const { world, file } = await backedUp()
    const before = filesOf(world.dataDir)
    await world.inside(async () => {
      const { code, out } = await world.type(`restore --check ${file}`)
      expect({ code, out }).toMatchObject({ code: 0, out: expect.stringContaining('can be restored') })
      expect(out).toContain('1 event of the audit proven')
    })
    expect(filesOf(world.dataDir)).toEqual(before)
  })

  it('touches no installation unless told to move it aside, and none that is in use', async () => {
    const { world, file } = await backedUp()
    const refusal = await world.type(`restore ${file}`)
    expect(refusal).toMatchObject({ code: 1, err: expect.stringContaining('With --replace it is moved aside') })
    await world.inside(async () => {
      const { code, err } = await world.type(`restore --replace ${file}`)
      expect({ code, err }).toMatchObject({ code: 1, err: expect.stringContaining('Stop every server') })
    })
    await world.inside(({ db }) => insertUser(db, 'made-since'))
    const { json } = await world.type(`restore --replace --json ${file}`)
    expect(filesOf(json.moved_aside_to)).toEqual(['keys.json', 'latchkey.db'])
    const aside = new DatabaseSync(join(json.moved_aside_to, 'latchkey.db'))
    expect(aside.prepare('select count(*) as users from users').get()).toEqual({ users: 2 })
    aside.close()
  })

  it('keeps signing keys that open, so that none dropped as compromised comes back', async () => {
    const { world, file } = await backedUp()
    await world.type('keys rotate --compromised')
    const kid = await world.inside(async ({ keys }) => keys[0].kid)
    expect((await world.type(`restore --replace --json ${file}`)).json.keys).toBe('kept')
    expect(await world.inside(async ({ keys }) => keys[0].kid)).toBe(kid)
  })

  it('takes the place of a damaged database', async () => {
    const { world, file } = await backedUp()
    writeFileSync(join(world.dataDir, 'latchkey.db'), 'no database at all')
    expect((await world.type(`restore --replace ${file}`)).code).toBe(0)
    await world.inside(async () => {})
  })

  it('refuses a machine whose clock is behind, since ids are counted on by the time that went by', async () => {
    const { world, file } = await backedUp()
    const other = elsewhere(world)
    other.clock.turn(days(-1))
    expect((await other.type(`restore ${file}`)).err).toContain('set the clock right')
  })
})

const flip = (path: string, at: (size: number) => number): void => {
  const bytes = readFileSync(path)
  const position = at(bytes.length)
  bytes[position] = bytes[position]! ^ 1
  chmodSync(path, 0o600)
  writeFileSync(path, bytes)
}

describe('restore refuses, and leaves the folder as it was,', () => {
  it.each([
    ['a foreign file', /no backup of Latchkey/, (path: string) => writeFileSync(path, 'x'.repeat(5000))],
    ['an empty file', /no backup of Latchkey/, (path: string) => truncateSync(path, 0)],
    ['a file cut short', /its end is missing/, (path: string) => truncateSync(path, statSync(path).size - 3000)],
    ['a file cut in the database', /its end is missing/, (path: string) => truncateSync(path, 20_000)],
    ['a changed database', /latchkey\.db in it is damaged/, (path: string) => flip(path, () => 30_000)],
    ['a changed header', /damaged one/, (path: string) => flip(path, () => 130)],
    [
      'a changed manifest',
      /changed after it was made/,
      (path: string) => flip(path, () => readFileSync(path).indexOf('"users": 1') + 9),
    ],
    [
      'changed keys',
      /keys\.json in it is damaged/,
      (path: string) => flip(path, () => readFileSync(path).indexOf('"sealed": "') + 20),
    ],
  ])('%s', async (_, words, spoil) => {
    const { world, file } = await backedUp()
    spoil(file)
    const other = elsewhere(world)
    const { code, err } = await other.type(`restore ${file}`)
    expect(err).toMatch(words)
    expect(code).toBe(1)
    expect(filesOf(other.dataDir).filter((name) => name !== 'keys.json.lock')).toEqual(['secret.key'])
  })

  it('another secret, and none', async () => {
    const { file } = await backedUp()
    const stranger = createCommandWorld({ SECRET_KEY: 'another secret, and long enough for all' })
    expect((await stranger.type(`restore ${file}`)).err).toMatch(/made under another secret/)
    const bare = createCommandWorld()
    expect((await bare.type(`restore ${file}`)).err).toMatch(/no secret to open it with/)
    expect(filesOf(bare.dataDir)).toEqual([])
  })

  it('a file that is not there', async () => {
    const { world } = await backedUp()
    const { code, err } = await elsewhere(world).type('restore /nowhere/at-all.tar')
    expect(code).toBe(1)
    expect(err).toContain('/nowhere/at-all.tar')
    expect(err.split('\n')).toHaveLength(1)
  })
})
