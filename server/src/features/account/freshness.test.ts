import { beforeEach, describe, expect, it } from 'vitest'
import { change, me, verifyEmail, verifyPhone } from '../../../test/changes.ts'
import { PHONE } from '../../../test/codes.ts'
import { createWorld, type SignedIn, type World } from '../../../test/world.ts'
import { minutes } from '../../kernel/duration.ts'

const OTHER_PHONE = '+989351234567'

let world: World
let sara: SignedIn

beforeEach(async () => {
  world = await createWorld()
  sara = await world.signedInUser('sara@example.com')
})

const again = async (user: SignedIn): Promise<SignedIn> => ({ ...user, ...(await world.signIn(user)).body })

async function expectStale(body: Record<string, unknown>, user = sara): Promise<void> {
  const before = await me(world, user)
  const answer = await change(world, user, { ...body, first_name: 'Sarvenaz' })
  expect([answer.status, answer.body.code]).toEqual([403, 'reauthentication_required'])
  expect(await me(world, user)).toEqual(before)
  expect((await change(world, await again(user), body)).status).toBe(200)
}

describe('ten minutes after the sign-in', () => {
  const grow = () => world.clock.turn(minutes(10))

  it('another e-mail needs a new one, verified or not; another spelling needs none', async () => {
    grow()
    expect((await change(world, sara, { email: 'SARA@example.com' })).status).toBe(200)
    await expectStale({ email: 'sara@new.example' })
    sara = await again({ ...sara, email: 'sara@new.example' })
    await verifyEmail(world, sara)
    grow()
    await expectStale({ email: 'sara@third.example' })
  })

  it('the whole record at once needs one where it has another e-mail', async () => {
    grow()
    const put = (email: string) =>
      world.call('PUT', '/api/users/me/', { token: sara.access, body: { email, first_name: 'Sara' } })
    expect((await put('sara@new.example')).body.code).toBe('reauthentication_required')
    expect((await put('sara@example.com')).body).toMatchObject({ first_name: 'Sara' })
  })

  it('a first phone needs none, another in its place does, and so does none in its place', async () => {
    grow()
    expect((await change(world, sara, { phone: PHONE })).status).toBe(200)
    expect((await change(world, sara, { phone: PHONE })).status).toBe(200)
    await expectStale({ phone: OTHER_PHONE })
    await expectStale({ phone: null })
    expect((await change(world, sara, { phone: null })).status).toBe(200)
  })

  it('a first phone needs one where two factors are on', async () => {
    await verifyEmail(world, sara)
    const { db } = world.latchkey.foundation
    await db.updateTable('users').set({ twoFactorSince: world.clock.now() }).execute()
    grow()
    const answer = await change(world, sara, { phone: PHONE })
    expect([answer.status, answer.body.code]).toEqual([403, 'reauthentication_required'])
  })

  it('whether the phone begins sign-ins needs one', async () => {
    await verifyPhone(world, sara)
    grow()
    await expectStale({ phone_sign_in: true })
    await expectStale({ phone_sign_in: false })
  })

  it('everything else needs none', async () => {
    grow()
    const body = { first_name: 'Sara', last_name: 'K', birthday: '1995-03-21', gender: 'F', language: 'fa' }
    expect((await change(world, sara, body)).status).toBe(200)
  })

  it('an admin needs one as well, for others and for himself', async () => {
    const admin = await world.admin()
    grow()
    const patch = (user: SignedIn, body: unknown) =>
      world.call('PATCH', `/api/users/${sara.id}/`, { token: user.access, body })
    expect((await patch(admin, { email: 'sara@new.example' })).body.code).toBe('reauthentication_required')
    expect((await patch(admin, { first_name: 'Sara' })).status).toBe(200)
    expect((await patch(await again(admin), { email: 'sara@new.example' })).status).toBe(200)
  })

  it('a deletion needs one, whoever asks', async () => {
    const admin = await world.admin()
    grow()
    for (const [path, user] of [
      ['me', sara],
      [sara.id, sara],
      [sara.id, admin],
    ] as const) {
      const { status, body } = await world.call('DELETE', `/api/users/${path}/`, { token: user.access })
      expect([status, body.code]).toEqual([403, 'reauthentication_required'])
    }
    const { access: token } = await again(sara)
    expect((await world.call('DELETE', '/api/users/me/', { token })).status).toBe(204)
  })
})

it('tells of a body at fault before it asks for a fresh sign-in', async () => {
  world.clock.turn(minutes(10))
  const { status, body } = await change(world, sara, { email: 'sara@new.example', gender: 'Q' })
  expect([status, body.gender]).toEqual([400, ['"Q" is not a valid choice.']])
})
