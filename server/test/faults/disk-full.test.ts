import { sql } from 'kysely'
import { expect, it } from 'vitest'
import { temporaryFolder } from '../database.ts'
import { createWorld, PASSWORD, type World } from '../world.ts'
import { dump, shapeOf } from './dump.ts'

const PAGES_LEFT = 0
const PAGES_ENOUGH = 1_000_000

/** A world on a real file, which can be forbidden to grow: SQLite then answers as on a full disk. */
async function worldOnDisk(): Promise<{ world: World; leavePages: (count: number) => Promise<void> }> {
  const off = { THROTTLE_REGISTER: 'off', THROTTLE_ANON: 'off', THROTTLE_LOGIN: '1000000/min' }
  const world = await createWorld({
    settings: { DATA_DIR: temporaryFolder(), SECRET_KEY: 'a'.repeat(32), ...off },
    compose: { inMemory: false },
  })
  const { db } = world.latchkey.foundation
  return {
    world,
    async leavePages(count) {
      const { rows } = await sql<{ pageCount: number }>`select page_count from pragma_page_count()`.execute(db)
      await sql`pragma max_page_count = ${sql.lit((rows[0]?.pageCount ?? 0) + count)}`.execute(db)
    },
  }
}

const register = ({ call }: World, name: string) => {
  // Long names, so that the pages at hand are soon full.
  const body = {
    email: `${name}@example.com`,
    password: PASSWORD,
    first_name: 'n'.repeat(150),
    last_name: 'n'.repeat(150),
  }
  return call('POST', '/api/users/', { body })
}

/** Registers until a registration fails. */
async function untilFull(world: World): Promise<{ registered: number; answer: Awaited<ReturnType<typeof register>> }> {
  for (let registered = 0; registered < 200; registered++) {
    const answer = await register(world, `filler${registered}`)
    if (answer.status !== 201) return { registered, answer }
  }
  throw new Error('the disk did not fill up')
}

it('answers 500 while the disk is full, does nothing by halves, goes on reading, and recovers by itself', async () => {
  const { world, leavePages } = await worldOnDisk()
  const { db } = world.latchkey.foundation
  const user = await world.signedInUser()
  await leavePages(PAGES_LEFT)
  const { registered, answer } = await untilFull(world)
  expect([answer.status, answer.body.code]).toEqual([500, 'internal_error'])
  expect(answer.text).not.toMatch(/full|disk|sqlite/i)
  expect(world.logged()).toContain('database or disk is full')

  const before = await dump(db)
  for (const name of ['another', 'and-another']) expect((await register(world, name)).status).toBe(500)
  expect(shapeOf(before, await dump(db))).toEqual([])
  expect((await world.call('GET', '/api/users/me/', { token: user.access })).status).toBe(200)
  expect((await world.call('GET', '/healthz')).status).toBe(200)

  await leavePages(PAGES_ENOUGH)
  expect((await register(world, 'another')).status).toBe(201)
  expect((await world.signIn(user)).status).toBe(200)
  const last = { email: `filler${registered - 1}@example.com`, password: PASSWORD }
  if (registered > 0) expect((await world.signIn(last)).status).toBe(200)
  const { rows } = await sql<{ integrityCheck: string }>`pragma integrity_check`.execute(db)
  expect(rows).toEqual([{ integrityCheck: 'ok' }])
})
