import { beforeEach, describe, expect, it } from 'vitest'
import { change, me, move, undo, undoSaid, undoTokensTo, verifyEmail, verifyPhone } from '../../../test/changes.ts'
import { PHONE, sendCode, setPhone, verifyCode } from '../../../test/codes.ts'
import { succeeded } from '../../../test/factors.ts'
import { createWorld, PASSWORD, type SignedIn, type World } from '../../../test/world.ts'
import { hours, minutes } from '../../kernel/duration.ts'

const OLD = 's.ara@gmail.com'
const NEW = 'sara@new.example'
const TAKEN = [400, ['user with this email already exists.']]
const OTHER_PHONE = '+989351234567'

let world: World
let sara: SignedIn

beforeEach(async () => {
  world = await createWorld()
  sara = await world.signedInUser(OLD)
  await verifyEmail(world, sara)
  world.clock.turn(minutes(2))
})

const register = (email: string) => world.call('POST', '/api/users/', { body: { email, password: PASSWORD } })
const firstUndoTo = async (address: string) => (await undoTokensTo(world, address))[0]

describe('while its change can be undone', () => {
  beforeEach(() => move(world, sara, { email: NEW }))

  it('nobody can register the old address, nor its mailbox, and it answers like a taken one', async () => {
    for (const email of [OLD, 'S.ARA@gmail.com', 'sara@googlemail.com']) {
      const reserved = await register(email)
      const taken = await register(NEW)
      expect([reserved.status, reserved.body.email]).toEqual(TAKEN)
      expect(reserved.text.replace(/req_\w+/, '')).toBe(taken.text.replace(/req_\w+/, ''))
    }
    const faulty = await world.call('POST', '/api/users/', { body: { email: OLD, password: 'x' } })
    expect(faulty.body).toMatchObject({ email: TAKEN[1], password: expect.any(Array) })
  })

  it('nobody can change to it, by a code or at once, and no admin for him', async () => {
    const guest = await world.signedInUser('guest@example.com')
    const atOnce = await change(world, guest, { email: OLD })
    expect([atOnce.status, atOnce.body.email]).toEqual(TAKEN)
    await verifyEmail(world, guest)
    const waiting = await change(world, guest, { email: 'sara@gmail.com' })
    expect([waiting.status, waiting.body.email]).toEqual(TAKEN)
    const { access: token } = await world.admin()
    const byAdmin = await world.call('PATCH', `/api/users/${guest.id}/`, { token, body: { email: OLD } })
    expect([byAdmin.status, byAdmin.body.email]).toEqual(TAKEN)
  })

  it('nobody completes a change to it that waited already, and the code is used up', async () => {
    // The guest asks for the address while it is not reserved, and has the code when it is.
    const guest = await world.signedInUser('guest@example.com')
    await verifyEmail(world, guest)
    const { db } = world.latchkey.foundation
    await db.updateTable('users').set({ pendingEmail: OLD }).where('id', '=', guest.id).execute()
    world.clock.turn(minutes(2))
    succeeded(await sendCode(world, guest, 'email'))
    const code = await world.codeTo(OLD)
    const late = await verifyCode(world, guest, code)
    expect([late.status, late.body.email]).toEqual(TAKEN)
    expect((await verifyCode(world, guest, code)).body).toMatchObject({ status: 'Invalid Code' })
    expect(await me(world, guest)).toMatchObject({ email: 'guest@example.com' })
  })

  it('its owner alone may go back to it', async () => {
    world.clock.turn(minutes(2))
    await move(world, sara, { email: OLD })
    expect(await me(world, sara)).toMatchObject({ email: OLD, email_verified: true })
  })

  it('is free once the 48 hours are over', async () => {
    world.clock.turn(hours(48))
    expect((await register(OLD)).status).toBe(201)
  })

  it('leaves the new one free once it is undone', async () => {
    expect(undoSaid(await undo(world, await firstUndoTo(OLD)))).toEqual([200, 'undone', 'email'])
    expect((await register(NEW)).status).toBe(201)
    expect((await register(OLD)).status).toBe(400)
  })

  it('is free when the account is deleted', async () => {
    succeeded(await world.call('DELETE', '/api/users/me/', { token: sara.access }))
    expect((await register(OLD)).status).toBe(201)
  })
})

it('does not reserve an address that only waits to be changed: it is still taken itself', async () => {
  succeeded(await change(world, sara, { email: NEW }))
  expect((await register(OLD)).body.email).toEqual(TAKEN[1])
  expect((await register(NEW)).status).toBe(201)
})

it('reserves nothing for who had not proven it', async () => {
  const guest = await world.signedInUser('guest@example.com')
  succeeded(await change(world, guest, { email: 'guest@new.example' }))
  expect((await register('guest@example.com')).status).toBe(201)
})

describe('a number whose change can be undone', () => {
  let guest: SignedIn

  beforeEach(async () => {
    await verifyPhone(world, sara)
    world.clock.turn(minutes(2))
    guest = await world.signedInUser('guest@example.com')
  })

  const prove = async () => {
    succeeded(await setPhone(world, guest, PHONE))
    succeeded(await sendCode(world, guest, 'phone'))
    return verifyCode(world, guest, await world.codeTo(PHONE))
  }

  it('may be another’s, but verified by nobody else: the right code says so and is used up', async () => {
    await move(world, sara, { phone: OTHER_PHONE })
    const refused = await prove()
    expect([refused.status, refused.body.code]).toEqual([409, 'phone_in_use'])
    expect((await verifyCode(world, guest, await world.codeTo(PHONE))).status).toBe(400)
    expect(undoSaid(await undo(world, await firstUndoTo(OLD)))).toEqual([200, 'undone', 'phone'])
  })

  it('is free to be verified 48 hours after it was removed, and not before', async () => {
    succeeded(await change(world, sara, { phone: null }))
    expect((await prove()).status).toBe(409)
    world.clock.turn(hours(48))
    guest = { ...guest, ...(await world.signIn(guest)).body }
    expect((await prove()).status).toBe(200)
  })
})
