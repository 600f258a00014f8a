import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, describe, expect, it } from 'vitest'
import { DATABASES, twentyAtOnce } from '../../../test/databases.ts'
import { openForTest, temporaryFolder } from '../../../test/database.ts'
import { stopPostgres } from '../../../test/postgres.ts'
import { createTurnedClock } from '../../../test/turned-clock.ts'
import { inTurn } from '../../../test/wire.ts'
import type { Database } from '../../database/schema.ts'
import { after, hours, minutes, seconds } from '../../kernel/duration.ts'
import { createSecret } from '../../kernel/secret.ts'
import { createDatabaseLimiter, removeEndedWindows } from './database.ts'
import type { Limiter, Standing } from './port.ts'

afterAll(stopPostgres)

const PROGRAM = fileURLToPath(new URL('../../../test/faults/database-process.ts', import.meta.url))
const secret = createSecret(Buffer.alloc(32, 1))
const FIVE_A_MINUTE = { quota: 5, period: minutes(1) }
const WITHIN = { timeout: 60_000 }

const take = (limiter: Limiter, key = '192.0.2.1'): Promise<Standing> => limiter.take('login', key, FIVE_A_MINUTE)
const rows = (db: Database) => db.selectFrom('rateCounters').selectAll().execute()

describe.each(DATABASES)('the limiter over %s', WITHIN, (_, open) => {
  it('begins a window with the first request, and a refused one neither counts nor lengthens it', async (context) => {
    const db = await open(context)
    const clock = createTurnedClock()
    const limiter = createDatabaseLimiter(db, clock, secret)
    const begun = clock.now()
    await inTurn(5, () => take(limiter))
    clock.turn(seconds(45))
    await inTurn(30, () => take(limiter))
    expect(await rows(db)).toMatchObject([{ count: 5, endsAt: after(begun, minutes(1)) }])
    expect(await take(limiter)).toEqual({ allowed: false, quota: 5, remaining: 0, resetSeconds: 15 })
    clock.turn(seconds(15))
    expect(await take(limiter)).toEqual({ allowed: true, quota: 5, remaining: 4, resetSeconds: 60 })
  })

  // Guard: the conflict's `where`. Seen failing (20 allowed) without it.
  it('is exact for twenty transactions at once, in each of 10 rounds', async (context) => {
    const db = await open(context)
    await inTurn(10, async (round) => {
      const standings = await twentyAtOnce(db, (db) =>
        take(createDatabaseLimiter(db, createTurnedClock(), secret), `${round}`),
      )
      expect(standings.filter((standing) => standing.allowed)).toHaveLength(5)
    })
  })

  // Guard: the same. Seen failing where the window's end is asked and the count is not, or the other way about.
  it('begins one new window for twenty at once that find the old one over', async (context) => {
    const db = await open(context)
    const clock = createTurnedClock()
    const limiter = createDatabaseLimiter(db, clock, secret)
    await inTurn(5, async () => {
      await inTurn(5, () => take(limiter))
      clock.turn(minutes(1))
      const standings = await Promise.all(Array.from({ length: 20 }, () => take(limiter)))
      expect(standings.filter((standing) => standing.allowed)).toHaveLength(5)
      clock.turn(minutes(1))
    })
  })

  it('counts nothing where the transaction it was given is undone', async (context) => {
    const db = await open(context)
    const undone = db.transaction().execute(async (db) => {
      expect(await take(createDatabaseLimiter(db, createTurnedClock(), secret))).toMatchObject({ allowed: true })
      throw new Error('undone')
    })
    await expect(undone).rejects.toThrow('undone')
    expect(await rows(db)).toEqual([])
  })

  it('holds to a quota that was lowered at once, and goes on where it was raised', async (context) => {
    const limiter = createDatabaseLimiter(await open(context), createTurnedClock(), secret)
    const under = (quota: number) => limiter.take('login', 'ana', { quota, period: hours(1) })
    await inTurn(4, () => under(5))
    expect(await under(3)).toMatchObject({ allowed: false, quota: 3, remaining: 0 })
    expect(await under(6)).toMatchObject({ allowed: true, quota: 6, remaining: 1 })
  })

  it('forgets windows that have ended, and those alone, however many there are', async (context) => {
    const db = await open(context)
    const clock = createTurnedClock()
    const limiter = createDatabaseLimiter(db, clock, secret)
    await Promise.all(Array.from({ length: 450 }, (_, index) => take(limiter, `old${index}`)))
    clock.turn(seconds(30))
    await take(limiter, 'new')
    clock.turn(seconds(30))
    await removeEndedWindows(db, clock.now())
    expect(await rows(db)).toMatchObject([{ count: 1, endsAt: after(clock.now(), seconds(30)) }])
  })
})

it('keeps no scope and no key that could be read, and knows none under another secret', async () => {
  const db = await openForTest()
  const limiter = createDatabaseLimiter(db, createTurnedClock(), secret)
  await limiter.take('destination', 'ana@example.com', { quota: 1, period: hours(1) })
  const [row] = await rows(db)
  expect(row!.subject).toMatch(/^[\w-]{43}$/)
  const another = createDatabaseLimiter(db, createTurnedClock(), createSecret(Buffer.alloc(32, 2)))
  const standing = await another.take('destination', 'ana@example.com', { quota: 1, period: hours(1) })
  expect(standing).toMatchObject({ allowed: true })
})

it('writes nothing for whoever goes on asking past his quota', async () => {
  const asked: string[] = []
  const db = await openForTest({ beforeStatement: (statement) => void asked.push(statement.split(' ')[0]!) })
  const limiter = createDatabaseLimiter(db, createTurnedClock(), secret)
  await inTurn(5, () => take(limiter))
  asked.length = 0
  await inTurn(10, () => take(limiter))
  expect(asked).toEqual(Array.from({ length: 10 }, () => 'select'))
})

it('is one count for processes on one file, and for those that start later', WITHIN, async () => {
  const path = join(temporaryFolder(), 'latchkey.db')
  await openForTest({ location: { kind: 'file', path } })
  const run = async (): Promise<number> => {
    const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, path, 'take', '20'])
    return (JSON.parse(stdout.split('\n')[0]!) as { allowed: number }).allowed
  }
  const allowed = await Promise.all([run(), run(), run()])
  expect(allowed[0] + allowed[1] + allowed[2]).toBe(20)
  expect(await run()).toBe(0)
})
