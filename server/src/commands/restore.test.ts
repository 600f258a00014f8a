import { chmodSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Kysely } from 'kysely'
import { describe, expect, it } from 'vitest'
import { backedUp, elsewhere, filesOf } from '../../test/backups.ts'
import { type CommandWorld, createCommandWorld, startedWorld } from '../../test/command.ts'
import { insertUser } from '../../test/database.ts'
import { restore as restoreBackup } from '../compose/backup/restore.ts'
import { columnsOf } from '../database/columns.ts'
import { migrate } from '../database/migrate.ts'
import { migrationsFor } from '../database/migrations/all.ts'
import type { Database } from '../database/schema.ts'
import { createSqliteDialect } from '../database/sqlite.ts'
import { days, hours } from '../kernel/duration.ts'
import { systemRandom } from '../kernel/random.ts'

/** Puts a database of the first version in place of the world's, with a user in it, under the same secret. */
async function makeOld(world: CommandWorld): Promise<void> {
  const path = join(world.dataDir, 'latchkey.db')
  const fingerprint = await world.inside(({ db }) => db.selectFrom('meta').selectAll().execute())
  rmSync(path)
  const old: Database = new Kysely({ dialect: createSqliteDialect(new DatabaseSync(path)) })
  const migrations = { '0001_accounts': migrationsFor(columnsOf.sqlite)['0001_accounts']! }
  await migrate(old, { migrations, where: 'for tests', beforeChange: () => {} })
  await old.insertInto('meta').values(fingerprint).execute()
  await insertUser(old, 'sara')
  await old.destroy()
}

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

  // The proof of a large backup takes minutes, and a supervisor starts a stopped server again. Seen replaced under a server.
  it('touches none that a server was started on while the backup was proven', async () => {
    const { world, file } = await backedUp()
    const { clock, dataDir } = world
    const path = join(dataDir, 'latchkey.db')
    const server: DatabaseSync[] = []
    const restored = await restoreBackup({
      config: world.config(),
      clock,
      random: systemRandom,
      archive: file,
      replace: true,
      checkOnly: false,
      onProgress: () => {},
      beforeStep(step) {
        if (step !== 'settling') return
        server.push(new DatabaseSync(path))
        server[0]!.exec('pragma journal_mode = wal; select * from users')
      },
    })
    expect(restored.kind).toBe('in_use')
    expect(server[0]!.prepare('select count(*) as users from users').get()).toEqual({ users: 1 })
    server[0]!.close()
    expect(filesOf(dataDir).filter((name) => name.startsWith('before-restore'))).toEqual([])
    expect((await world.type(`restore --replace ${file}`)).code).toBe(0)
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

  it('updates the backup of an older version', async () => {
    const world = await startedWorld()
    await makeOld(world)
    const { json: made } = await world.type(`backup --json`)
    expect(made).toMatchObject({ migrations: ['0001_accounts'], users: 1, last_user_id: 1, audit: null })
    const other = elsewhere(world)
    const { code, json, err } = await other.type(`restore --json ${made.file}`)
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(json.migrated).toContain('0002_factors')
    await other.inside(async ({ db }) => {
      expect(await db.selectFrom('users').select('email').execute()).toEqual([{ email: 'sara@example.com' }])
    })
  })

  it('refuses the backup of a newer version', async () => {
    const { world } = await backedUp()
    const sqlite = new DatabaseSync(join(world.dataDir, 'latchkey.db'))
    sqlite.exec(`insert into kysely_migration (name, timestamp) values ('9999_future', '')`)
    sqlite.close()
    expect((await world.type('backup')).err).toContain('written by a newer version')
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
