import { sql } from 'kysely'
import { expect, it } from 'vitest'
import { recordEvents, sealerOf } from '../../test/audit.ts'
import { type CommandWorld, startedWorld } from '../../test/command.ts'
import { sealDue } from '../features/audit/sealer.ts'

/** One on whose record so many events stand sealed. */
async function sealedWorld(count: number): Promise<CommandWorld> {
  const world = await startedWorld()
  await world.inside(async ({ db, secret }) => {
    await recordEvents(db, count)
    await sealDue(db, sealerOf({ secret }))
  })
  return world
}

const tamper = (world: CommandWorld, statement: string) => world.inside(({ db }) => sql.raw(statement).execute(db))

const noteIn = (out: string): string => /\d+:[0-9a-f]{64}/.exec(out)?.[0] ?? ''

it('proves an audit nobody touched, counts what is not sealed, and gives a note to keep elsewhere', async () => {
  const world = await sealedWorld(3)
  await world.inside(({ db }) => recordEvents(db, 1))
  const { code, out } = await world.type('audit verify')
  expect(code).toBe(0)
  expect(out).toContain('3 events proven to be what was sealed.')
  expect(out).toContain('1 event not sealed yet')
  expect(out).toMatch(/Note this elsewhere: 3:[0-9a-f]{64}/)
  const { json } = await world.type('audit verify --json')
  const mac = noteIn(out).slice(2)
  expect(json).toEqual({
    intact: true,
    proven: 3,
    removed_before: 0,
    last: { number: 3, mac },
    unsealed: 1,
    broken: null,
  })
})

it('says of an audit that has nothing yet that nothing is wrong', async () => {
  const { code, json } = await (await startedWorld()).type('audit verify --json')
  expect([code, json.intact, json.last]).toEqual([0, true, null])
})

it('works beside a running server', async () => {
  const world = await sealedWorld(3)
  const verified = await world.inside(() => world.type('audit verify'))
  expect(verified.code).toBe(0)
})

it('names the first event at fault, and fails', async () => {
  const world = await sealedWorld(5)
  await tamper(world, "update audit_events set details = '{}' where number in (2, 4)")
  const { code, out } = await world.type('audit verify')
  expect(code).toBe(1)
  expect(out).toMatch(/^BROKEN at number 2: what it tells was changed after it was sealed \(event [0-9a-f-]{36}\)\./)
  expect(out).not.toContain('Note this')
  expect((await world.type('audit verify --json')).json).toMatchObject({ intact: false, broken: { number: 2 } })
})

it('finds a cut tail by what was noted before', async () => {
  const world = await sealedWorld(5)
  const note = noteIn((await world.type('audit verify')).out)
  expect(await world.type(`audit verify --noted ${note}`)).toMatchObject({
    code: 0,
    out: expect.stringContaining('Number 5 is as noted.'),
  })
  await tamper(world, 'delete from audit_events where number > 3')
  expect((await world.type('audit verify')).code).toBe(0)
  expect(await world.type(`audit verify --noted ${note}`)).toMatchObject({
    code: 1,
    out: expect.stringContaining('Number 5 is MISSING'),
  })
  const { json } = await world.type(`audit verify --json --noted ${note}`)
  expect(json).toMatchObject({ intact: false, broken: null, noted: { number: 5, standing: 'missing' } })
})

it.each(['5', '5:abc', '0:' + 'a'.repeat(64), `x:${'a'.repeat(64)}`])('does not take %s for a note', async (noted) => {
  const world = await startedWorld()
  expect(await world.type(`audit verify --noted ${noted}`)).toMatchObject({
    code: 1,
    err: expect.stringContaining('NUMBER:MAC'),
  })
})
