import { copyFileSync, mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { sql } from 'kysely'
import { expect, it } from 'vitest'
import { insertUser, openForTest, temporaryFolder } from '../../test/database.ts'
import { systemRandom } from '../kernel/random.ts'
import { createSecret } from '../kernel/secret.ts'
import { columnsOf } from './columns.ts'
import { migrationsFor } from './migrations/all.ts'
import { openDatabase, type OpeningStep } from './open.ts'
import { bindSecret, isBoundToSecret } from './secret-binding.ts'
import { DatabaseUnfit } from './unfit.ts'

const newPath = (): string => join(temporaryFolder(), 'data', 'latchkey.db')
const modeOf = (path: string): number => statSync(path).mode & 0o777

async function open(path: string): Promise<{ steps: OpeningStep[]; close(): Promise<void> }> {
  const steps: OpeningStep[] = []
  const { close } = await openDatabase({ location: { kind: 'file', path }, onStep: (step) => steps.push(step) })
  return { steps, close }
}

/** Makes a database with some users in it, closed, all of it in its one file. */
async function madeBefore(users = 1): Promise<string> {
  const path = newPath()
  const { db, close } = await openDatabase({ location: { kind: 'file', path } })
  for (let n = 0; n < users; n++) await insertUser(db, `user${n}`, { firstName: 'x'.repeat(1000) })
  await close()
  return path
}

const EVERY_MIGRATION = Object.keys(migrationsFor(columnsOf.sqlite))

async function refusal(path: string): Promise<DatabaseUnfit> {
  const outcome = await openDatabase({ location: { kind: 'file', path } }).catch((error: unknown) => error)
  expect(outcome).toBeInstanceOf(DatabaseUnfit)
  return outcome as DatabaseUnfit
}

it('makes folder, file and tables at the first start, for the owner alone, and says so', async () => {
  const path = newPath()
  const { steps, close } = await open(path)
  expect(steps).toStrictEqual([
    { kind: 'created', path },
    { kind: 'migrated', migrations: EVERY_MIGRATION },
  ])
  expect(modeOf(dirname(path))).toBe(0o700)
  const files = readdirSync(dirname(path)).toSorted()
  expect(files).toStrictEqual(['latchkey.db', 'latchkey.db-shm', 'latchkey.db-wal'])
  expect(files.map((name) => modeOf(join(dirname(path), name)))).toStrictEqual([0o600, 0o600, 0o600])
  await close()
})

it('finds everything again at the next start, changes nothing and copies nothing', async () => {
  const path = await madeBefore()
  const db = await openForTest({ location: { kind: 'file', path }, onStep: (step) => expect(step).toBeUndefined() })
  expect(await db.selectFrom('users').select('email').execute()).toStrictEqual([{ email: 'user0@example.com' }])
  expect(readdirSync(dirname(path)).filter((name) => name.includes('before'))).toStrictEqual([])
})

it('runs with write-ahead log, full synchronisation and foreign keys', async () => {
  const db = await openForTest({ location: { kind: 'file', path: newPath() } })
  const ask = async (pragma: string): Promise<unknown> => (await sql.raw(`pragma ${pragma}`).execute(db)).rows[0]
  expect(await ask('journal_mode')).toStrictEqual({ journalMode: 'wal' })
  expect(await ask('synchronous')).toStrictEqual({ synchronous: 2 })
  expect(await ask('foreign_keys')).toStrictEqual({ foreignKeys: 1 })
})

it('opens the same file twice from one process', async () => {
  const path = newPath()
  const [one, other] = await Promise.all([open(path), open(path)])
  const kinds = [...one.steps, ...other.steps].map((step) => step.kind).toSorted()
  expect(kinds).toStrictEqual(['created', 'migrated'])
  await Promise.all([one.close(), other.close()])
})

it.each([
  ['garbage', (path: string) => writeFileSync(path, 'no database at all, '.repeat(1000)), 'not_a_database'],
  ['an empty file', (path: string) => truncateSync(path, 0), 'empty'],
  ['a file that lost its end', (path: string) => truncateSync(path, statSync(path).size / 2), 'damaged'],
  ['a file with zeros in its middle', zeroMiddle, 'damaged'],
] as const)('refuses %s, says which file and what to do, and leaves it as it is', async (_, damage, reason) => {
  const path = await madeBefore(300)
  damage(path)
  const before = readFileSync(path)
  const { reason: told, message } = await refusal(path)
  expect(told).toBe(reason)
  expect(message).toContain(path)
  expect(message).toMatch(/Restore/)
  expect(readFileSync(path).equals(before)).toBe(true)
})

function zeroMiddle(path: string): void {
  const bytes = readFileSync(path)
  const middle = Math.floor(bytes.length / 2 / 4096) * 4096
  writeFileSync(path, bytes.fill(0, middle, middle + 8 * 4096))
}

it('notices the missing end of a file too large to be looked through at a start', async () => {
  const path = await madeBefore()
  const sqlite = new DatabaseSync(path)
  sqlite.exec('create table ballast (bytes blob); insert into ballast values (zeroblob(40 * 1024 * 1024))')
  sqlite.close()
  await (await open(path)).close()
  truncateSync(path, 35 * 1024 * 1024)
  expect((await refusal(path)).reason).toBe('damaged')
})

it('refuses a folder in place of the file, and a file in place of the folder', async () => {
  const path = newPath()
  mkdirSync(path, { recursive: true })
  expect((await refusal(path)).reason).toBe('not_a_file')
  const file = join(temporaryFolder(), 'data')
  writeFileSync(file, '')
  expect((await refusal(join(file, 'latchkey.db'))).reason).toBe('not_a_file')
})

it('refuses a database that a newer version has migrated, and leaves it as it is', async () => {
  const path = await madeBefore()
  const sqlite = new DatabaseSync(path)
  sqlite.exec("insert into kysely_migration values ('0099_from_the_future', '2027-01-01T00:00:00.000Z')")
  sqlite.close()
  const before = readFileSync(path)
  const { reason, message } = await refusal(path)
  expect(reason).toBe('newer_schema')
  expect(message).toContain('0099_from_the_future')
  expect(readFileSync(path).equals(before)).toBe(true)
})

it('copies a database aside, whole and for the owner alone, before it changes its tables', async () => {
  const path = newPath()
  mkdirSync(dirname(path))
  const older = new DatabaseSync(path)
  older.exec("create table notes (text text); insert into notes values ('kept')")
  older.close()
  const { steps, close } = await open(path)
  await close()
  const copy = `${path}.before-0001_accounts`
  expect(steps).toStrictEqual([
    { kind: 'copied', path: copy },
    { kind: 'migrated', migrations: EVERY_MIGRATION },
  ])
  expect(modeOf(copy)).toBe(0o600)
  const tables = new DatabaseSync(copy).prepare('select name from sqlite_master').all()
  expect(tables.map((table) => table['name'])).toStrictEqual(['notes'])
})

it('leaves the database as it was when a migration fails, with the copy beside it, and says which failed', async () => {
  const path = newPath()
  mkdirSync(dirname(path))
  const inTheWay = new DatabaseSync(path)
  inTheWay.exec("create table users (name text); insert into users values ('ana')")
  inTheWay.close()
  await expect(openDatabase({ location: { kind: 'file', path } })).rejects.toThrow(
    /0001_accounts failed and was undone/,
  )
  const after = new DatabaseSync(path)
  expect(after.prepare('select name from sqlite_master').all()).toMatchObject([{ name: 'users' }])
  expect(after.prepare('select name from users').all()).toMatchObject([{ name: 'ana' }])
  expect(readdirSync(dirname(path))).toContain(`${basename(path)}.before-0001_accounts`)
})

it('binds a database to the first secret it meets, and knows it from any other', async () => {
  const path = newPath()
  const [secret, other] = [createSecret(systemRandom.bytes(32)), createSecret(systemRandom.bytes(32))]
  const db = await openForTest({ location: { kind: 'file', path } })
  expect(await isBoundToSecret(db)).toBe(false)
  expect(await bindSecret(db, secret)).toBe('bound')
  expect(await isBoundToSecret(db)).toBe(true)
  const again = await openForTest({ location: { kind: 'file', path } })
  expect(await bindSecret(again, secret)).toBe('same')
  expect(await bindSecret(again, other)).toBe('different')
  expect(await bindSecret(again, secret)).toBe('same')
})

it('opens a copy made aside as a database of its own', async () => {
  const path = await madeBefore()
  const restored = newPath()
  mkdirSync(dirname(restored))
  copyFileSync(path, restored)
  const db = await openForTest({ location: { kind: 'file', path: restored } })
  expect(await db.selectFrom('users').select('id').execute()).toStrictEqual([{ id: 1 }])
})
