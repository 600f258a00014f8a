import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, expect, it, onTestFinished } from 'vitest'
import { temporaryFolder } from '../../test/database.ts'
import { selfSignedCertificate } from '../../test/lookalikes/certificate.ts'
import { closedPort } from '../../test/lookalikes/loopback.ts'
import { inDatabase, needsPostgres, stopPostgres, withDatabase } from '../../test/postgres.ts'
import { startEmbeddedPostgres } from '../../test/postgres-server.ts'
import { runDatabase } from '../../test/run-database.ts'
import { openDatabase } from './open.ts'
import { DatabaseUnfit } from './unfit.ts'

afterAll(stopPostgres)

/** Opens and closes; what it was refused for, in words. */
async function refusalOf(url: string): Promise<string> {
  try {
    const { close } = await openDatabase({ location: { kind: 'postgres', url } })
    await close()
    return 'none'
  } catch (error) {
    expect(error).toBeInstanceOf(DatabaseUnfit)
    return (error as Error).message
  }
}

// Fails without `lockMigrations`: two make the same table.
it('lets processes that start at once on an empty database make it together', async (t) => {
  const postgres = await needsPostgres(t)
  for (let round = 0; round < 3; round++) {
    const url = await postgres.create()
    const answers = await Promise.all([1, 2, 3, 4].map(() => runDatabase([url, 'open'])))
    expect(answers.filter((answer) => !answer.steps)).toStrictEqual([])
    expect(answers.flatMap((answer) => answer.steps ?? [])).toStrictEqual(['migrated'])
  }
}, 60_000)

it('leaves alone what another program has in the same database, in a schema of its own', async (t) => {
  const url = await (await needsPostgres(t)).create()
  await inDatabase(url, async (db) => {
    await sql`create schema theirs`.execute(db)
    await sql`create table theirs.kysely_migration (name text)`.execute(db)
    await sql`insert into theirs.kysely_migration values ('0001_theirs')`.execute(db)
  })
  expect(await refusalOf(url)).toBe('none')
})

it('refuses what cannot be used in words that tell what to do, and never with the password', async (t) => {
  const url = await (await needsPostgres(t)).create()
  const at = (change: (url: URL) => void): string => {
    const other = new URL(url)
    other.password = 'canary'
    change(other)
    return other.href
  }
  const port = String(await closedPort())
  const refusals = [
    await refusalOf(at((other) => (other.port = port))),
    await refusalOf(at((other) => (other.hostname = 'nowhere.invalid'))),
    await refusalOf(
      withDatabase(
        at(() => {}),
        'nothing_here',
      ),
    ),
    await refusalOf(at((other) => (other.search = '?sslmode=prefer'))),
    await refusalOf(at((other) => (other.search = '?connect_timeout=3'))),
    await refusalOf(at((other) => (other.search = '?max=1'))),
    await refusalOf(at((other) => (other.search = '?sslmode=disable&sslmode=verify-full'))),
    await refusalOf(at((other) => (other.search = '?sslmode=verify-full&sslrootcert=/nowhere'))),
    await refusalOf(at((other) => (other.search = '?sslmode=require'))),
  ]
  expect(refusals).toEqual([
    expect.stringContaining('does not answer. Start PostgreSQL'),
    expect.stringContaining('name is not known here'),
    expect.stringContaining('is not there. Make it'),
    expect.stringContaining('sslmode is disable, require, verify-ca or verify-full'),
    expect.stringContaining('connect_timeout is not known'),
    expect.stringContaining('max is a number from 2 to 200'),
    expect.stringContaining('sslmode is there twice'),
    expect.stringContaining('sslrootcert: ENOENT'),
    expect.stringContaining('cannot be reached by TLS'),
  ])
  expect(refusals.join()).not.toContain('canary')
})

it('refuses a database that is not in UTF8, one written by a newer version, and one it may not write', async (t) => {
  const postgres = await needsPostgres(t)
  const latin = await postgres.create('template0', 'SQL_ASCII')
  expect(await refusalOf(latin)).toContain('is not in UTF8')
  const newer = await postgres.create()
  expect(await refusalOf(newer)).toBe('none')
  await inDatabase(newer, (db) =>
    sql`insert into kysely_migration (name, timestamp) values ('9999_later', 'now')`.execute(db),
  )
  expect(await refusalOf(newer)).toContain('was written by a newer version')
  const readOnly = await postgres.create()
  await inDatabase(readOnly, async (db) => {
    const { rows } = await sql<{ name: string }>`select current_database() as name`.execute(db)
    await sql`alter database ${sql.id(rows[0]!.name)} set default_transaction_read_only = on`.execute(db)
  })
  expect(await refusalOf(readOnly)).toContain('takes no writes')
  const closed = await postgres.create()
  await inDatabase(closed, (db) => sql`drop schema public`.execute(db))
  expect(await refusalOf(closed)).toContain('does not let its user make or change tables')
})

// Seen opened, after which every moment and every hash was read as another than it is.
it.for([
  ['datestyle', 'SQL, DMY'],
  ['bytea_output', 'escape'],
] as const)('refuses a database whose %s is %s', async ([name, value], t) => {
  const url = await (await needsPostgres(t)).create()
  await inDatabase(url, async (db) => {
    const { rows } = await sql<{ name: string }>`select current_database() as name`.execute(db)
    await sql`alter database ${sql.id(rows[0]!.name)} set ${sql.id(name)} = ${sql.lit(value)}`.execute(db)
  })
  expect(await refusalOf(url)).toContain(`Undo it (alter role`)
})

// As PgBouncer does unless its ignore_startup_parameters says otherwise.
it('says what a pooler must be told that refuses limits of time', async (t) => {
  const url = new URL(await (await needsPostgres(t)).create(process.env['TEST_DATABASE_TEMPLATE']))
  const serverPort = Number(url.port)
  const pooler = createServer((socket) => {
    socket
      .on('error', () => {})
      .once('data', (startup) => {
        if (startup.includes('statement_timeout')) {
          socket.end(REFUSED_PARAMETER)
          return
        }
        const server = connect(serverPort, '127.0.0.1').on('error', () => {})
        server.write(startup)
        socket.pipe(server).pipe(socket)
      })
  })
  onTestFinished(() => void pooler.close())
  await once(pooler.listen(0, '127.0.0.1'), 'listening')
  url.port = String((pooler.address() as AddressInfo).port)
  expect(await refusalOf(url.href)).toContain('behind a pooler that lets nobody set limits of time')
})

/** An ErrorResponse (https://www.postgresql.org/docs/current/protocol-message-formats.html). */
const REFUSED_PARAMETER = ((fields: string) => {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(4 + fields.length)
  return Buffer.concat([Buffer.from('E'), length, Buffer.from(fields)])
})('SFATAL\0C08P01\0Munsupported startup parameter: statement_timeout\0\0')

it('speaks TLS as sslmode says, and gives the password to a server it trusts alone', async () => {
  const certificate = selfSignedCertificate()
  const root = join(temporaryFolder(), 'root.pem')
  writeFileSync(root, certificate.cert)
  const server = await startEmbeddedPostgres({ password: 'canary', certificate })
  try {
    const by = (search: string): string => `${server.url}?${search}`
    const isEncrypted = (url: string): Promise<boolean> =>
      inDatabase(url, async (db) => {
        const { rows } = await sql<{ ssl: boolean }>`
          select ssl from pg_stat_ssl where pid = pg_backend_pid()`.execute(db)
        return rows[0]!.ssl
      })
    expect(await isEncrypted(by('sslmode=disable'))).toBe(false)
    expect(await isEncrypted(by('sslmode=require'))).toBe(true)
    expect(await isEncrypted(by(`sslmode=verify-full&sslrootcert=${root}`))).toBe(true)
    expect(await refusalOf(by('sslmode=verify-full'))).toContain('Give the root certificate by sslrootcert')
    const wrong = await refusalOf(by('sslmode=require').replace('canary', 'carany'))
    expect(wrong).toContain('does not take user and password')
    expect(wrong).not.toContain('carany')
  } finally {
    await server.stop()
  }
})
