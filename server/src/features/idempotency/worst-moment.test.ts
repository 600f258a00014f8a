import { afterAll, describe, expect, it } from 'vitest'
import { DATABASES, openPostgres } from '../../../test/databases.ts'
import { NOON } from '../../../test/database.ts'
import { dump, shapeOf } from '../../../test/faults/dump.ts'
import { operation } from '../../../test/faults/operation.ts'
import { KEYED_OPERATIONS } from '../../../test/keyed-operations.ts'
import { OPENAPI } from '../../../test/openapi.ts'
import { stopPostgres } from '../../../test/postgres.ts'
import { UNLIMITED } from '../../../test/unlimited.ts'
import { createWorld, type World } from '../../../test/world.ts'
import type { Database } from '../../database/schema.ts'
import { after, seconds } from '../../kernel/duration.ts'
import { systemRandom } from '../../kernel/random.ts'
import { createSecret } from '../../kernel/secret.ts'
import { claim, type Claim, type IdempotencyDeps } from './service.ts'

afterAll(stopPostgres)

/** A world whose power can go off: from the operation's n-th statement on every one fails, until it is on again. */
async function worldWithASwitch(): Promise<{ world: World; offAt: (n: number) => void; on: () => number }> {
  let count = 0
  let off = Infinity
  const beforeStatement = (): void => {
    if (operation.getStore()) count++
    if (count >= off) throw new Error('no power')
  }
  const world = await createWorld({ settings: UNLIMITED, compose: { beforeStatement } })
  const reset = (n: number): number => {
    const seen = count
    count = 0
    off = n
    return seen
  }
  return { world, offAt: reset, on: () => reset(Infinity) }
}

describe.each(KEYED_OPERATIONS)('$name', ({ prepare, success }) => {
  // Guard: `remember` in the transaction of the act. Without it (the answer kept after the commit) the request after the
  // power cut registers twice, or is told that the address is taken.
  it('is done once and answered, at whichever statement the power goes off', { timeout: 120_000 }, async () => {
    const { world, offAt, on } = await worldWithASwitch()
    const { db } = world.latchkey.foundation
    const clean = await prepare(world)
    const pristine = await dump(db)
    on()
    expect((await operation.run(true, () => clean('clean'))).status).toBe(success)
    const statements = on()
    const whole = shapeOf(pristine, await dump(db))
    expect(whole).toContain('idempotentAnswers +1')

    for (let n = 1; n <= statements; n++) {
      const act = await prepare(world)
      const before = await dump(db)
      offAt(n)
      const broken = await operation.run(true, () => act(`key-${n}`))
      expect(broken.status, `power off at statement ${n}`).toBe(500)
      on()
      world.clock.turn(seconds(30))
      const again = await act(`key-${n}`)
      expect([n, again.status, again.headers['idempotent-replayed']]).toEqual([n, success, undefined])
      expect(shapeOf(before, await dump(db)), `done once after statement ${n} failed`).toEqual(whole)
      const once = await dump(db)
      const third = await act(`key-${n}`)
      expect([n, third.status, third.text, third.headers['idempotent-replayed']]).toEqual([
        n,
        success,
        again.text,
        'true',
      ])
      expect(shapeOf(once, await dump(db))).toEqual([])
    }
  })

  it('asked for twenty times at once is done once', { timeout: 60_000 }, async () => {
    const { world } = await worldWithASwitch()
    const { db } = world.latchkey.foundation
    const alone = await prepare(world)
    const pristine = await dump(db)
    await alone('alone')
    const whole = shapeOf(pristine, await dump(db))
    const act = await prepare(world)
    const before = await dump(db)
    const answers = await Promise.all(Array.from({ length: 20 }, () => act('together')))
    const statuses = new Set(answers.map(({ status }) => status))
    expect([...statuses].filter((status) => status !== success && status !== 409)).toEqual([])
    const first = answers.filter(
      ({ status, headers }) => status === success && headers['idempotent-replayed'] === undefined,
    )
    expect(first).toHaveLength(1)
    expect(shapeOf(before, await dump(db))).toEqual(whole)
  })

  it('costs no statement more without a key', async () => {
    const statements: string[] = []
    const beforeStatement = (sql: string) => statements.push(sql)
    const act = await prepare(await createWorld({ settings: UNLIMITED, compose: { beforeStatement } }))
    statements.length = 0
    expect((await act()).status).toBe(success)
    expect(statements.length).toBeGreaterThan(0)
    expect(statements.filter((sql) => sql.includes('idempotent_answers'))).toEqual([])
  })
})

it('the operations above are those whose document names the header', () => {
  const named = Object.entries(OPENAPI.paths).flatMap(([path, operations]) =>
    Object.entries(operations)
      .filter(([, operation]) => JSON.stringify(operation).includes('parameters/Idempotency-Key'))
      .map(([method]) => `${method.toUpperCase()} ${path}`),
  )
  expect(named.sort()).toEqual([
    'DELETE /api/admin/users/{id}/factors/{factor}/',
    'DELETE /api/admin/users/{id}/sessions/',
    'DELETE /api/users/{id}/',
    'PATCH /api/admin/users/{id}/',
    'PATCH /api/users/me/',
    'PATCH /api/users/{id}/',
    'POST /api/admin/users/',
    'POST /api/otp/send/',
    'POST /api/password/reset/',
    'POST /api/token/code/',
    'POST /api/users/',
    'PUT /api/users/me/',
    'PUT /api/users/{id}/',
  ])
})

const ASKED = { key: 'k', method: 'POST', route: '/x/', asker: 'user:1', body: '{}' }
const ANSWER = { status: 201, body: { url: 'here' } }

const depsOn = (db: Database): IdempotencyDeps => ({
  db,
  secret: createSecret(systemRandom.bytes(32)),
  random: systemRandom,
})

/** The claim of whoever gets one. */
async function claimed(deps: IdempotencyDeps, now: Date): Promise<Claim> {
  const claiming = await claim(deps, ASKED, now)
  if (claiming.kind !== 'claimed') throw new Error(claiming.kind)
  return claiming.claim
}

describe.each(DATABASES)('a key on %s', (_, open) => {
  // Guard: `on conflict … where` in store.take; without it all twenty have it.
  it('is claimed by one of twenty, new, left lying, and run out', async (context) => {
    const deps = depsOn(await open(context))
    for (const now of [NOON, after(NOON, seconds(30)), after(NOON, seconds(86_430))]) {
      const kinds = await Promise.all(Array.from({ length: 20 }, async () => (await claim(deps, ASKED, now)).kind))
      expect(kinds.filter((kind) => kind === 'claimed')).toHaveLength(1)
      expect(kinds.filter((kind) => kind === 'running')).toHaveLength(19)
    }
  })

  // Guard: `where claim = …` in store.keep; without it the slow one's act stands beside that of the one who came after.
  it('undoes the act of whoever was so slow that another has claimed it since', async (context) => {
    const db = await open(context)
    const deps = depsOn(db)
    const act = (mine: Claim, name: string) =>
      db.transaction().execute(async (db) => {
        await db.insertInto('meta').values({ key: name, value: '' }).execute()
        await mine.remember(db, ANSWER)
      })
    const slow = await claimed(deps, NOON)
    const quick = await claimed(deps, after(NOON, seconds(30)))
    await expect(act(slow, 'slow')).rejects.toMatchObject({ code: 'idempotency_in_progress' })
    await act(quick, 'quick')
    await expect(act(slow, 'slow')).rejects.toMatchObject({ code: 'idempotency_in_progress' })
    await slow.release()
    expect(await db.selectFrom('meta').select('key').where('key', 'in', ['slow', 'quick']).execute()).toEqual([
      { key: 'quick' },
    ])
    expect(await claim(deps, ASKED, after(NOON, seconds(61)))).toEqual({ kind: 'answered', kept: ANSWER })
  })

  it('given back is free, and an answer is not given back', async (context) => {
    const db = await open(context)
    const deps = depsOn(db)
    await (await claimed(deps, NOON)).release()
    const second = await claimed(deps, NOON)
    await second.remember(db, ANSWER)
    await second.release()
    expect((await claim(deps, ASKED, NOON)).kind).toBe('answered')
    expect((await claim(deps, { ...ASKED, body: '[]' }, NOON)).kind).toBe('reused')
    for (const other of [{ key: 'l' }, { method: 'PUT' }, { route: '/y/' }, { asker: 'user:2' }]) {
      expect((await claim(deps, { ...ASKED, ...other }, NOON)).kind).toBe('claimed')
    }
  })
})

// Asked of both at once: a claim waits for no act, nor an act for a claim.
it('is no lock on PostgreSQL: while an act runs, others are told so at once', async (context) => {
  const deps = depsOn(await openPostgres(context))
  const mine = await claimed(deps, NOON)
  await deps.db.transaction().execute(async (db) => {
    expect((await claim(deps, ASKED, NOON)).kind).toBe('running')
    await mine.remember(db, ANSWER)
  })
  expect((await claim(deps, ASKED, NOON)).kind).toBe('answered')
})
