import { beforeEach, describe, expect, it } from 'vitest'
import { otherCodes, said, RIGHT, sendCode, verifyCode, WRONG } from '../../../test/codes.ts'
import { type CostedWorld, createCostedWorld } from '../../../test/costs.ts'
import { insertUser } from '../../../test/database.ts'
import { change } from '../../../test/sign-in-codes.ts'
import { sameButForItsId } from '../../../test/wire.ts'
import { type Answer, PASSWORD, type SignedIn, type World } from '../../../test/world.ts'
import { minutes } from '../../kernel/duration.ts'

const FREE = 'free@example.com'
const TAKEN = 'taken@example.com'
const NOTICE = 'Someone asked for your e-mail address at Latchkey'

let world: World
let costs: CostedWorld['costs']

beforeEach(async () => {
  ;({ world, costs } = await createCostedWorld({ REGISTRATION: 'neutral' }))
  await insertUser(world.latchkey.foundation.db, 'taken', { emailVerifiedAt: world.clock.now() })
})

/** Somebody whose account was made by an admin, or before the setting was: his e-mail is not verified. */
async function unverified(name: string): Promise<SignedIn> {
  const { db } = world.latchkey.foundation
  const passwordHash = await world.latchkey.passwords.hash(PASSWORD)
  const id = await insertUser(db, name, { passwordHash })
  const email = `${name}@example.com`
  const { body } = await world.signIn({ email, password: PASSWORD })
  return { id, email, password: PASSWORD, access: body.access, refresh: body.refresh }
}

const patch = (user: SignedIn, email: string) =>
  world.call('PATCH', '/api/users/me/', { token: user.access, body: { email } })

/** An answer without whose it is and which address was asked for. */
const anyones = (answer: Answer): unknown =>
  JSON.parse(
    JSON.stringify(sameButForItsId(answer))
      .replace(/\\"id\\":\d+/, 'ID')
      .replace(/(?:one|two|free|taken)@example\.com/g, 'ADDRESS'),
  )

describe.each([
  ['an unverified address', { emailVerifiedAt: null }],
  ['a verified address', { emailVerifiedAt: new Date('2026-11-22T12:00:00Z') }],
])('a change of %s, where nobody is told who has an account', (_, standing) => {
  it('waits for its code, whether or not the new address is taken: one answer, the same statements', async () => {
    const [one, two] = [await unverified('one'), await unverified('two')]
    for (const user of [one, two]) await change(world, user, standing)
    const free = await costs(() => patch(one, FREE))
    const taken = await costs(() => patch(two, TAKEN))
    expect([free.answer.status, free.answer.body.email, free.answer.body.pending_email]).toEqual([
      200,
      'one@example.com',
      FREE,
    ])
    expect(anyones(taken.answer)).toEqual(anyones(free.answer))
    expect(taken.cost).toEqual(free.cost)
    expect((await world.inbox(TAKEN)).map(({ subject, code }) => [subject, code])).toEqual([[NOTICE, undefined]])
    const [wrong] = otherCodes(1, await world.codeTo(FREE))
    const [first, second] = [
      await costs(() => verifyCode(world, one, wrong)),
      await costs(() => verifyCode(world, two, wrong)),
    ]
    expect(said(first.answer)).toEqual(WRONG)
    expect(sameButForItsId(second.answer)).toEqual(sameButForItsId(first.answer))
    expect(second.cost).toEqual(first.cost)
    expect(said(await verifyCode(world, one, await world.codeTo(FREE)))).toEqual(RIGHT)
    const me = await world.call('GET', '/api/users/me/', { token: one.access })
    expect(me.body).toMatchObject({ email: FREE, email_verified: true, pending_email: null })
  })

  it('is asked for again alike', async () => {
    const [one, two] = [await unverified('one'), await unverified('two')]
    for (const user of [one, two]) await change(world, user, standing)
    await patch(one, FREE)
    await patch(two, TAKEN)
    world.clock.turn(minutes(1))
    const [free, taken] = [await costs(() => sendCode(world, one)), await costs(() => sendCode(world, two))]
    expect([free.answer.status, taken.answer.status]).toEqual([200, 200])
    expect(taken.cost).toEqual(free.cost)
    expect(await world.inbox(TAKEN)).toHaveLength(2)
  })

  it('fails like a wrong code where the address was taken meanwhile, and whoever reads it is told', async () => {
    const one = await unverified('one')
    await change(world, one, standing)
    await patch(one, FREE)
    const code = await world.codeTo(FREE)
    await insertUser(world.latchkey.foundation.db, 'free')
    expect(said(await verifyCode(world, one, code))).toEqual(WRONG)
    expect((await world.inbox(FREE))[0]?.subject).toBe(NOTICE)
    const me = await world.call('GET', '/api/users/me/', { token: one.access })
    expect(me.body.email).toBe('one@example.com')
  })
})

it('tells faults beside it, and nothing of the address', async () => {
  const one = await unverified('one')
  const body = { email: TAKEN, gender: 'Q' }
  const answer = await world.call('PATCH', '/api/users/me/', { token: one.access, body })
  expect([answer.status, answer.body.email, answer.body.gender]).toEqual([
    400,
    undefined,
    ['"Q" is not a valid choice.'],
  ])
})

it('an admin changes the address of others at once, and is told that one is taken', async () => {
  const [one, two] = [await unverified('one'), await unverified('two')]
  await change(world, one, { adminSince: world.clock.now() })
  const set = (email: string) => world.call('PATCH', `/api/users/${two.id}/`, { token: one.access, body: { email } })
  expect((await set(TAKEN)).body.email).toEqual(['user with this email already exists.'])
  expect((await set(FREE)).body.email).toBe(FREE)
})
