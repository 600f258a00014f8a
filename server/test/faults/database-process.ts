/**
 * One process on a database, a file or what a URL names, run by tests as `node database-process.ts PATH VERB [COUNT]`.
 * Prints one JSON line.
 * - `open`: opens and closes; `open-unprivileged`: as nobody, when started by root.
 * - `add COUNT`: adds 1 to a number in `meta`, COUNT times, each in a transaction that reads it first, and as often inserts
 *   a row in a single statement.
 * - `take COUNT`: takes COUNT times at once from a quota of 20, and tells how often it was allowed.
 * - `hold COUNT`: keeps the write lock for COUNT milliseconds.
 */
import { setTimeout } from 'node:timers/promises'
import { openDatabase } from '../../src/database/open.ts'
import type { Database } from '../../src/database/schema.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { hours } from '../../src/kernel/duration.ts'
import { createSecret } from '../../src/kernel/secret.ts'
import { createDatabaseLimiter } from '../../src/ports/limiter/database.ts'

const [path = '', verb = '', count = '0'] = process.argv.slice(2)

async function addOne(db: Database): Promise<void> {
  await db.transaction().execute(async (db) => {
    const row = await db.selectFrom('meta').select('value').where('key', '=', 'sum').executeTakeFirst()
    const value = String(Number(row?.value ?? 0) + 1)
    await db
      .insertInto('meta')
      .values({ key: 'sum', value })
      .onConflict((conflict) => conflict.column('key').doUpdateSet({ value }))
      .execute()
  })
}

// Only now, with every module loaded: nobody may not be allowed to read a checkout in root's own folder.
const NOBODY = 65534
if (verb === 'open-unprivileged' && process.getuid?.() === 0) {
  process.setgroups!([])
  process.setgid!(NOBODY)
  process.setuid!(NOBODY)
}

const verbs: Record<string, (db: Database) => Promise<void>> = {
  open: () => Promise.resolve(),
  'open-unprivileged': () => Promise.resolve(),
  async add(db) {
    for (let n = 0; n < Number(count); n++) {
      await addOne(db)
      await db
        .insertInto('meta')
        .values({ key: `${process.pid}-${n}`, value: '' })
        .execute()
    }
  },
  async take(db) {
    const limiter = createDatabaseLimiter(db, systemClock, createSecret(Buffer.alloc(32, 1)))
    const takes = Array.from({ length: Number(count) }, () =>
      limiter.take('login', '192.0.2.1', { quota: 20, period: hours(1) }),
    )
    const allowed = (await Promise.all(takes)).filter((standing) => standing.allowed).length
    console.log(JSON.stringify({ allowed }))
  },
  async hold(db) {
    await db.transaction().execute(async () => {
      console.log(JSON.stringify({ holding: true }))
      await setTimeout(Number(count))
    })
  },
}

try {
  const steps: unknown[] = []
  const { db, close } = await openDatabase({
    location: path.startsWith('postgres:') ? { kind: 'postgres', url: path } : { kind: 'file', path },
    onStep: (step) => steps.push(step.kind),
  })
  await verbs[verb]?.(db)
  await close()
  console.log(JSON.stringify({ steps }))
} catch (error) {
  console.log(JSON.stringify({ failed: String(error), ...(error as object) }))
  process.exitCode = 1
}
