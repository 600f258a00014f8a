import { sql } from 'kysely'
import { afterAll, describe, expect, it, onTestFinished, type TestContext } from 'vitest'
import { deliveryRow, NOON } from '../../../test/database.ts'
import { DATABASES, openPostgres } from '../../../test/databases.ts'
import { needsPostgres, stopPostgres } from '../../../test/postgres.ts'
import { openDatabase } from '../../database/open.ts'
import type { Database } from '../../database/schema.ts'
import { after, seconds } from '../../kernel/duration.ts'
import { claimDue } from './outbox.ts'

afterAll(stopPostgres)

const insert = (db: Database, count: number) =>
  db
    .insertInto('deliveries')
    .values(Array.from({ length: count }, () => deliveryRow()))
    .execute()

const claim = (db: Database, limit = 4) =>
  claimDue(db, { channel: 'email', gateway: 'kept', limit, leasedUntil: after(NOON, seconds(60)) }, NOON)

/** Takes until nothing is due, as a worker does. */
async function claimAll(db: Database): Promise<string[]> {
  const taken: string[] = []
  for (;;) {
    const claims = await claim(db)
    expect(claims.length).toBeLessThanOrEqual(4)
    if (claims.length === 0) return taken
    taken.push(...claims.map(({ id }) => id))
  }
}

describe.each(DATABASES)('what several workers take in hand at once on %s', (_, open) => {
  // Leave `nextAttemptAt: leasedUntil` out of the claim, and it never ends.
  it('is each message once, and never more than was asked for', async (context) => {
    const db = await open(context)
    await insert(db, 160)
    const taken = (await Promise.all(Array.from({ length: 8 }, () => claimAll(db)))).flat()
    expect(taken).toHaveLength(160)
    expect(new Set(taken).size).toBe(160)
  })
})

describe('on PostgreSQL', () => {
  // Leave `skipLocked()` out, and the second waits for the first, to go away with nothing.
  it('a worker takes the next messages while another is still taking the first', async (context) => {
    const db = await openPostgres(context)
    await insert(db, 10)
    await db.transaction().execute(async (first) => {
      const [its, others] = [await claim(first), await claim(db)]
      expect([its.length, others.length]).toEqual([4, 4])
      expect(new Set([...its, ...others].map(({ id }) => id)).size).toBe(8)
    })
  })

  it('the oldest that are due are found by the index, and nothing is sorted', async (context) => {
    const asked: string[] = []
    const db = await openSeen(context, (sql) => asked.push(sql))
    const sent = { status: 'sent', sealed: null, finishedAt: NOON } as const
    for (let round = 0; round < 10; round++)
      await db
        .insertInto('deliveries')
        .values(Array.from({ length: 500 }, (_, index) => deliveryRow(index % 3 === 0 ? {} : sent)))
        .execute()
    await sql`analyze deliveries`.execute(db)
    expect(await claim(db)).toHaveLength(4)
    const plan = await sql<Record<string, string>>`explain (generic_plan) ${sql.raw(asked.at(-1)!)}`.execute(db)
    const steps = plan.rows.map((row) => String(row['QUERY PLAN'])).join('\n')
    expect(steps).toContain('Index Scan using deliveries_due on deliveries')
    expect(steps).not.toMatch(/Seq Scan|Sort/)
  })
})

async function openSeen(context: TestContext, beforeStatement: (sql: string) => void): Promise<Database> {
  const url = await (await needsPostgres(context)).create(process.env['TEST_DATABASE_TEMPLATE'])
  const { db, close } = await openDatabase({ location: { kind: 'postgres', url }, beforeStatement })
  onTestFinished(close)
  return db
}
