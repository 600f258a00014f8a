import { describe, expect, it } from 'vitest'
import { verifiedUser } from '../../../test/factors.ts'
import { UNLIMITED } from '../../../test/unlimited.ts'
import { type Answer, type CallOptions, createWorld, PASSWORD, type World } from '../../../test/world.ts'
import { days, hours, minutes, seconds } from '../../kernel/duration.ts'

const KEY = '8e03978e-40d5-43dd-bc93-6894a57f9324'
const SARA = { email: 'sara@example.com', password: PASSWORD }

const keyed = (key: string) => ({ 'idempotency-key': key })

const register = (world: World, body: unknown, options: CallOptions & { key?: string } = {}): Promise<Answer> => {
  const { key = KEY, ...rest } = options
  return world.call('POST', '/api/users/', { body, ...rest, headers: { ...keyed(key), ...rest.headers } })
}

const replayed = ({ headers }: Answer) => headers['idempotent-replayed']

/** What is the same each time the same is answered. */
const told = ({ status, body, headers }: Answer) => ({ status, body, location: headers['location'] })

const countUsers = async ({ latchkey: { foundation } }: World): Promise<number> =>
  (await foundation.db.selectFrom('users').select('id').execute()).length

const rowsOf = ({ latchkey: { foundation } }: World) =>
  foundation.db.selectFrom('idempotentAnswers').selectAll().execute()

describe('a registration repeated under its key', () => {
  it('is answered the same, and makes nobody', async () => {
    const world = await createWorld()
    const first = await register(world, SARA)
    const second = await register(world, SARA)
    expect([first.status, replayed(first), replayed(second)]).toEqual([201, undefined, 'true'])
    expect(told(second)).toEqual(told(first))
    expect(await countUsers(world)).toBe(1)
  })

  it('is the same however its members are ordered, and whatever else the body holds that is ignored', async () => {
    const world = await createWorld()
    await register(world, SARA)
    const again = await register(world, { nickname: 'S', password: PASSWORD, email: SARA.email })
    expect([again.status, replayed(again)]).toEqual([201, 'true'])
  })

  it('is refused with another body', async () => {
    const world = await createWorld()
    await register(world, SARA)
    const other = await register(world, { ...SARA, first_name: 'Sara' })
    expect([other.status, other.body.code, replayed(other)]).toEqual([422, 'idempotency_key_reused', undefined])
    expect((await register(world, { ...SARA, email: 'bo@example.com' })).status).toBe(422)
    expect(await countUsers(world)).toBe(1)
  })

  it('is another for whoever asks from elsewhere, and for an admin', async () => {
    const world = await createWorld()
    const { access: token } = await world.admin()
    await register(world, SARA, { from: '198.51.100.1' })
    const elsewhere = await register(world, SARA, { from: '198.51.100.2' })
    expect([elsewhere.status, elsewhere.body.email]).toEqual([400, ['user with this email already exists.']])
    expect((await register(world, { ...SARA, email: 'bo@example.com' }, { token })).status).toBe(201)
    const neighbour = { ...SARA, email: 'cy@example.com' }
    expect((await register(world, neighbour, { from: '2001:db8::1' })).status).toBe(201)
    expect(replayed(await register(world, neighbour, { from: '2001:db8::2' }))).toBe('true')
  })

  it('is one of its own for 24 hours', async () => {
    const world = await createWorld()
    await register(world, SARA)
    world.clock.turn(hours(23))
    expect(replayed(await register(world, SARA))).toBe('true')
    world.clock.turn(hours(1))
    const late = await register(world, SARA)
    expect([late.status, replayed(late)]).toEqual([400, undefined])
  })

  it('is one act of twenty at once; the others are told the same, or that it runs', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    for (let round = 0; round < 5; round++) {
      const body = { ...SARA, email: `guest${round}@example.com` }
      const before = await countUsers(world)
      const answers = await Promise.all(Array.from({ length: 20 }, () => register(world, body, { key: `k${round}` })))
      expect(answers.filter((answer) => answer.status === 201 && !replayed(answer))).toHaveLength(1)
      const others = answers.filter((answer) => answer.status !== 201 || replayed(answer))
      for (const { status, body, headers } of others.filter(({ status }) => status !== 201)) {
        expect([status, body.code, headers['retry-after']]).toEqual([409, 'idempotency_in_progress', '1'])
      }
      expect(await countUsers(world)).toBe(before + 1)
      expect(replayed(await register(world, body, { key: `k${round}` }))).toBe('true')
    }
  })
})

describe('a refusal', () => {
  it('for good is kept, and said again in the language and under the id of who asks again', async () => {
    const world = await createWorld()
    await register(world, SARA, { key: 'first' })
    const refused = await register(world, SARA, { key: 'second' })
    const again = await register(world, SARA, { key: 'second', headers: { 'accept-language': 'fa' } })
    expect([refused.status, again.status, replayed(again)]).toEqual([400, 400, 'true'])
    expect(again.body.email).not.toEqual(refused.body.email)
    expect(again.body.request_id).toBe(again.headers['x-request-id'])
    expect(again.body.request_id).not.toBe(refused.body.request_id)
  })

  it('of a faulty body is no answer yet: the key is free for the right one', async () => {
    const world = await createWorld()
    expect((await register(world, { ...SARA, password: 'short' })).status).toBe(400)
    expect(await rowsOf(world)).toEqual([])
    expect((await register(world, SARA)).status).toBe(201)
  })

  it('that passes is not kept: 429', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    const send = (key: string) =>
      world.call('POST', '/api/otp/send/', {
        token: user.access,
        body: { email_or_phone: 'email' },
        headers: keyed(key),
      })
    expect((await send('first')).status).toBe(200)
    expect((await send('second')).status).toBe(429)
    world.clock.turn(minutes(1))
    const later = await send('second')
    expect([later.status, replayed(later)]).toEqual([200, undefined])
  })

  it('that is a fault of ours is not kept: 500', async () => {
    let isBroken = false
    const beforeStatement = (sql: string) => {
      if (isBroken && sql.includes('insert into "users"')) throw new Error('disk on fire')
    }
    const world = await createWorld({ compose: { beforeStatement } })
    isBroken = true
    expect((await register(world, SARA)).status).toBe(500)
    isBroken = false
    const later = await register(world, SARA)
    expect([later.status, replayed(later)]).toEqual([201, undefined])
  })
})

describe('a key', () => {
  it.each([
    ['bare', 'abc-DEF_~!', 'abc-DEF_~!'],
    ['as a string of RFC 9651', '"abc"', 'abc'],
    ['with what is escaped in one', '"a\\"b\\\\c"', 'a"b\\c'],
    ['of 255 characters', 'k'.repeat(255), `"${'k'.repeat(255)}"`],
  ])('is taken %s', async (_, key, same) => {
    const world = await createWorld()
    expect((await register(world, SARA, { key })).status).toBe(201)
    expect(replayed(await register(world, SARA, { key: same }))).toBe('true')
  })

  it.each(['', '""', '"abc', 'a b', '"a b"', '"a\\b"', '"abc";x=1', 'سلام', 'k'.repeat(256), 'a\tb'])(
    'is refused where it is none: %j',
    async (key) => {
      const world = await createWorld()
      const { status, body } = await register(world, SARA, { key: Buffer.from(key).toString('latin1') })
      expect([status, body.code]).toEqual([400, 'bad_request'])
      expect(body.detail).toContain('Idempotency-Key must be')
      expect(await countUsers(world)).toBe(0)
    },
  )

  it('given with a new address in place of a verified one has one code sent there', async () => {
    const world = await createWorld()
    const { access: token } = await verifiedUser(world)
    const change = () =>
      world.call('PATCH', '/api/users/me/', { token, body: { email: 'new@example.com' }, headers: keyed(KEY) })
    const first = await change()
    const second = await change()
    expect([first.body.pending_email, second.status, replayed(second)]).toEqual(['new@example.com', 200, 'true'])
    expect(told(second)).toEqual(told(first))
    expect(await world.inbox('new@example.com')).toHaveLength(1)
  })

  it('given with the deletion of an account is answered the same, not that there is none', async () => {
    const world = await createWorld()
    const { access: token } = await world.admin()
    const { id } = await world.signedInUser()
    const remove = (headers = {}) => world.call('DELETE', `/api/users/${id}/`, { token, headers })
    const answers = [await remove(keyed(KEY)), await remove(keyed(KEY)), await remove()]
    expect(answers.map((answer) => [answer.status, replayed(answer)])).toEqual([
      [204, undefined],
      [204, 'true'],
      [404, undefined],
    ])
  })

  it('sent twice is none', async () => {
    const world = await createWorld()
    const headers = { 'idempotency-key': ['a', 'b'] as unknown as string }
    expect((await world.call('POST', '/api/users/', { body: SARA, headers })).status).toBe(400)
  })

  it('means nothing where nothing is made: such a route ignores it', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    const signIn = () => world.call('POST', '/api/token/', { body: user, headers: keyed(KEY) })
    expect((await signIn()).body.refresh).not.toBe((await signIn()).body.refresh)
    expect(await rowsOf(world)).toEqual([])
  })
})

it('lets the next one try once whoever had it is gone for half a minute, and undoes what that one does then', async () => {
  const world = await createWorld({ settings: UNLIMITED })
  const { db } = world.latchkey.foundation
  await register(world, { ...SARA, email: 'bo@example.com' })
  const unanswered = { sealed: null, claimedUntil: new Date(world.clock.now().getTime() + seconds(30)) }
  await db.updateTable('idempotentAnswers').set(unanswered).execute()
  const again = () => register(world, { ...SARA, email: 'bo@example.com' })
  expect((await again()).status).toBe(409)
  world.clock.turn(seconds(30))
  expect((await again()).status).toBe(400) // done before, but for its answer: the address is taken
})

it('clears away what is older than a day', async () => {
  const world = await createWorld()
  await register(world, SARA)
  expect(await rowsOf(world)).toHaveLength(1)
  world.clock.turn(days(1))
  world.latchkey.start()
  await expect.poll(() => rowsOf(world)).toEqual([])
})
