import { createHash } from 'node:crypto'
import { afterAll, describe, expect, it } from 'vitest'
import { DATABASES } from '../../../test/databases.ts'
import { NOON } from '../../../test/database.ts'
import { stopPostgres } from '../../../test/postgres.ts'
import { proofFor, SOLVER } from '../../../test/proof-of-work.ts'
import { UNLIMITED } from '../../../test/unlimited.ts'
import { type Answer, type CallOptions, createWorld, PASSWORD, type World } from '../../../test/world.ts'
import { after, minutes, seconds } from '../../kernel/duration.ts'
import { createMemoryLimiter } from '../../ports/limiter/memory.ts'
import { signalsOf } from './signals.ts'
import { takeProof } from './store.ts'

afterAll(stopPostgres)

const ON = { ...UNLIMITED, PROOF_OF_WORK: 'on' }

let names = 0
const register = (world: World, options: CallOptions = {}): Promise<Answer> =>
  world.call('POST', '/api/users/', { body: { email: `user${++names}@example.com`, password: PASSWORD }, ...options })

const reset = (world: World, body: object, options: CallOptions = {}): Promise<Answer> =>
  world.call('POST', '/api/password/reset/', { body, ...options })

const signInCode = (world: World, body: object, options: CallOptions = {}): Promise<Answer> =>
  world.call('POST', '/api/token/code/', { body, ...options })

const code = ({ status, body }: Answer) => [status, body.code]
const REQUIRED = [403, 'proof_of_work_required']

/** A world whose calm is over for this one network, and the challenge of a registration. */
async function busyWorld(): Promise<{ world: World; challenged: Answer }> {
  const world = await createWorld({ settings: ON })
  for (let asked = 0; asked < 3; asked++) expect((await register(world)).status).toBe(201)
  const challenged = await register(world)
  expect(code(challenged)).toEqual(REQUIRED)
  return { world, challenged }
}

describe('where it is off', () => {
  it('nothing is asked for and nothing is counted, whatever is sent', async () => {
    const statements: string[] = []
    const beforeStatement = (sql: string) => statements.push(sql)
    const world = await createWorld({ settings: UNLIMITED, compose: { beforeStatement } })
    statements.length = 0
    const headers = { 'proof-of-work': 'x' }
    for (let asked = 0; asked < 8; asked++) expect((await register(world, { headers })).status).toBe(201)
    expect((await reset(world, { email: 'no@example.com', device: 5 }, { headers })).status).toBe(202)
    expect((await signInCode(world, { email: 'no@example.com', device: null }, { headers })).status).toBe(202)
    expect(statements.filter((sql) => /used_proofs|from "devices"/.test(sql))).toEqual([])
  })
})

describe('a registration', () => {
  it('needs a proof once one network has asked three times, and passes with it', async () => {
    const { world, challenged } = await busyWorld()
    expect(challenged.body).toMatchObject({ difficulty: 15, expires_in_seconds: 300 })
    expect(challenged.body.challenge).toMatch(/^[\w-]{40}$/)
    expect((await register(world, { headers: proofFor(challenged) })).status).toBe(201)
    expect((await register(world, { from: '198.51.100.9' })).status).toBe(201)
  })

  it('is asked for none by an admin', async () => {
    const world = await createWorld({ settings: ON })
    const { access: token } = await world.admin()
    for (let asked = 0; asked < 8; asked++) expect((await register(world, { token })).status).toBe(201)
  })

  it('asks before it looks anything up: no statement, no hash, no word of an address that is taken', async () => {
    const statements: string[] = []
    const beforeStatement = (sql: string) => statements.push(sql)
    const world = await createWorld({ settings: ON, compose: { beforeStatement } })
    for (let asked = 0; asked < 3; asked++) await register(world)
    statements.length = 0
    expect(code(await register(world))).toEqual(REQUIRED)
    const faulty = { email: `user${names}@example.com`, password: 'short' }
    expect(code(await world.call('POST', '/api/users/', { body: faulty }))).toEqual(REQUIRED)
    expect(statements).toEqual([])
  })

  it('under an Idempotency-Key is the same request with its proof, and repeated needs none', async () => {
    const { world } = await busyWorld()
    const body = { email: 'sara@example.com', password: PASSWORD }
    const key = { 'idempotency-key': 'k' }
    const challenged = await register(world, { body, headers: key })
    expect(code(challenged)).toEqual(REQUIRED)
    const made = await register(world, { body, headers: { ...key, ...proofFor(challenged) } })
    expect(made.status).toBe(201)
    const again = await register(world, { body, headers: key })
    expect([again.status, again.headers['idempotent-replayed']]).toEqual([201, 'true'])
  })

  it('that is answered alike for every address needs one as well', async () => {
    const world = await createWorld({ settings: { ...ON, REGISTRATION: 'neutral' } })
    for (let asked = 0; asked < 3; asked++) expect((await register(world)).status).toBe(202)
    const challenged = await register(world)
    expect(code(challenged)).toEqual(REQUIRED)
    expect((await register(world, { headers: proofFor(challenged) })).status).toBe(202)
  })

  it('grows harder as the rate doubles, up to what a phone solves in seconds', async () => {
    const world = await createWorld({ settings: ON })
    const difficulties: number[] = []
    for (let asked = 0; asked < 60; asked++) difficulties.push((await register(world)).body.difficulty ?? 0)
    const steps = [...new Set(difficulties)].map((difficulty) => [difficulty, difficulties.indexOf(difficulty)])
    expect(steps).toEqual([
      [0, 0],
      [15, 3],
      [16, 6],
      [17, 12],
      [18, 24],
      [19, 48],
    ])
  })
})

describe('a proof', () => {
  // Guard: the key of `usedProofs` and the insert that asks and takes in one.
  it('is good once, of twenty at once', async () => {
    const { world, challenged } = await busyWorld()
    const headers = proofFor(challenged)
    const answers = await Promise.all(Array.from({ length: 20 }, () => register(world, { headers })))
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
    expect(answers.filter(({ status }) => status === 403)).toHaveLength(19)
  })

  it('is good for its own operation alone', async () => {
    const { world, challenged } = await busyWorld()
    const headers = proofFor(challenged)
    expect(code(await reset(world, { email: 'no@example.com' }, { headers }))).toEqual(REQUIRED)
    expect(code(await signInCode(world, { email: 'no@example.com' }, { headers }))).toEqual(REQUIRED)
    expect((await register(world, { headers })).status).toBe(201)
  })

  it('is good for five minutes', async () => {
    const { world, challenged } = await busyWorld()
    const second = await register(world)
    world.clock.turn(seconds(299))
    expect((await register(world, { headers: proofFor(challenged) })).status).toBe(201)
    world.clock.turn(seconds(1))
    expect(code(await register(world, { headers: proofFor(second) }))).toEqual(REQUIRED)
  })

  it('is none with another nonce, a challenge changed or made up, or anything else', async () => {
    const { world, challenged } = await busyWorld()
    const right = proofFor(challenged)['proof-of-work']!
    const { challenge } = challenged.body as { challenge: string }
    const nonce = Number(right.slice(41))
    const easier = Buffer.from(challenge, 'base64url')
    easier[13] = 0
    const wrong = [
      `${challenge}.${isNone(challenge, nonce + 1) ? nonce + 1 : nonce + 2}`,
      `${easier.toString('base64url')}.${nonce}`,
      `${'A'.repeat(40)}.${nonce}`,
      `${right}0`.repeat(2),
      ` ${right}.1`,
      `${challenge}.`,
      `${challenge}.-1`,
      `${challenge}`,
      '.',
      'a'.repeat(8000),
    ]
    for (const header of wrong) {
      const answer = await register(world, { headers: { 'proof-of-work': header } })
      expect([header.slice(0, 60), ...code(answer)]).toEqual([header.slice(0, 60), ...REQUIRED])
      expect(answer.body.challenge).not.toBe(challenge)
    }
    expect((await register(world, { headers: { 'proof-of-work': right } })).status).toBe(201)
  })

  it('leaves nothing behind once it has ended, and one never solved nothing at all', async () => {
    const { world, challenged } = await busyWorld()
    const rows = () => world.latchkey.foundation.db.selectFrom('usedProofs').selectAll().execute()
    expect(await rows()).toEqual([])
    await register(world, { headers: proofFor(challenged) })
    expect(await rows()).toHaveLength(1)
    world.clock.turn(minutes(66))
    world.latchkey.start()
    await expect.poll(rows).toEqual([])
  })
})

const isNone = (challenge: string, nonce: number): boolean =>
  Math.clz32(createHash('sha256').update(`${challenge}.${nonce}`).digest().readUInt32BE()) < 15

describe('a device', () => {
  async function knownDevice(world: World) {
    const user = await world.signedInUser()
    const body = { email: user.email, password: PASSWORD, device: 'new' }
    const { device } = (await world.call('POST', '/api/token/', { body })).body as { device: string }
    return { email: user.email, device }
  }

  it.each([
    ['a reset', reset],
    ['a code to sign in', signInCode],
  ])('that is unknown has to prove its work for %s, and passes; one that is known never', async (_, ask) => {
    const world = await createWorld({ settings: ON })
    const { email, device } = await knownDevice(world)
    const challenged = await ask(world, { email })
    expect([...code(challenged), challenged.body.difficulty]).toEqual([...REQUIRED, 15])
    expect((await ask(world, { email }, { headers: proofFor(challenged) })).status).toBe(202)
    for (let asked = 0; asked < 8; asked++) {
      world.clock.turn(minutes(1))
      expect((await ask(world, { email, device }, { from: '203.0.113.8' })).status).toBe(202)
    }
  })

  it('is known to its own account alone', async () => {
    const world = await createWorld({ settings: ON })
    const { device } = await knownDevice(world)
    const other = await world.signedInUser()
    for (const email of [other.email, 'nobody@example.com']) {
      for (const value of [device, 'new', '', 'x'.repeat(4000)]) {
        expect(code(await reset(world, { email, device: value }))).toEqual(REQUIRED)
        expect(code(await signInCode(world, { email, device: value }))).toEqual(REQUIRED)
      }
    }
  })

  it('of a stranger costs the same statements for an address that somebody has and one that nobody has', async () => {
    const statements: string[] = []
    const beforeStatement = (sql: string) => statements.push(sql)
    const world = await createWorld({ settings: ON, compose: { beforeStatement } })
    const { email } = await knownDevice(world)
    const taken = async (ask: typeof reset, body: object) => {
      statements.length = 0
      expect(code(await ask(world, body))).toEqual(REQUIRED)
      return [...statements]
    }
    for (const ask of [reset, signInCode]) {
      for (const device of [undefined, 'a-value-of-nobody']) {
        const known = await taken(ask, { email, device })
        expect(known).toEqual(await taken(ask, { email: 'nobody@example.com', device }))
      }
    }
  })
})

it('rises with all that is asked, from wherever', async () => {
  const overall = signalsOf(createMemoryLimiter()).find(({ name }) => name === 'overall_rate')!
  const levels: number[] = []
  for (let asked = 0; asked < 1000; asked++)
    levels.push(await overall.levelOf({ purpose: 'registration', network: `network ${asked}` }, NOON))
  expect([59, 60, 119, 120, 239, 240, 479, 480, 959, 960].map((index) => levels[index])).toEqual([
    0, 1, 1, 2, 2, 3, 3, 4, 4, 5,
  ])
})

describe.each(DATABASES)('a challenge on %s', (_, open) => {
  it('is used up by one of twenty at once', async (context) => {
    const db = await open(context)
    for (let round = 0; round < 20; round++) {
      const tries = Array.from({ length: 20 }, () => takeProof(db, `challenge ${round}`, after(NOON, minutes(5))))
      expect((await Promise.all(tries)).filter(Boolean)).toHaveLength(1)
    }
  })
})

it('has a solver in the docs of some thirty lines, without a library', () => {
  expect(SOLVER.trim().split('\n').length).toBeLessThan(40)
  expect(SOLVER).not.toMatch(/import|require/)
})
