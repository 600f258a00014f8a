import { beforeEach, describe, expect, it } from 'vitest'
import { change, move, undo, undoTokensTo, verifyPhone } from '../../../test/changes.ts'
import { PHONE, setPhone } from '../../../test/codes.ts'
import { noticesTo, readFactors, recordedOf, succeeded, verifiedUser } from '../../../test/factors.ts'
import { createWorld, type SignedIn, type World } from '../../../test/world.ts'
import { minutes } from '../../kernel/duration.ts'

const OTHER_PHONE = '+989351234567'
const ON_AND_OFF = ['phone_sign_in_on', 'phone_sign_in_off']

let world: World
let sara: SignedIn

beforeEach(async () => {
  world = await createWorld()
  sara = await verifiedUser(world)
})

const turn = (isOn: unknown, user = sara) => change(world, user, { phone_sign_in: isOn })
const isOn = async (user = sara): Promise<boolean> => (await readFactors(world, user)).phone.sign_in

describe('sign-in by a code to the phone', () => {
  it('is off until its user turns it on, which is told and put on record', async () => {
    await verifyPhone(world, sara)
    expect(await isOn()).toBe(false)
    succeeded(await turn(true))
    expect(await isOn()).toBe(true)
    expect(await noticesTo(world, sara.email)).toContain('phone_sign_in_on')
    succeeded(await turn(true))
    succeeded(await turn(false))
    expect(await isOn()).toBe(false)
    const recorded = await recordedOf(world, sara.id, ON_AND_OFF)
    expect(recorded.toSorted()).toEqual(['phone_sign_in_off: success', 'phone_sign_in_on: success'])
  })

  it('needs a verified number, and no other in the same breath', async () => {
    for (const prepare of [async () => {}, () => setPhone(world, sara)]) {
      await prepare()
      const { status, body } = await turn(true)
      expect([status, body.phone_sign_in]).toEqual([400, ['Verify a phone number first.']])
    }
    const another = await change(world, sara, { phone: OTHER_PHONE, phone_sign_in: true })
    expect([another.status, another.body.phone_sign_in]).toEqual([400, ['Verify a phone number first.']])
    expect((await turn(false)).status).toBe(200)
  })

  it('takes true and false alone', async () => {
    for (const value of ['true', 1, null, []]) {
      const { status, body } = await turn(value)
      expect([status, body.phone_sign_in]).toEqual([400, expect.any(Array)])
    }
  })

  it('goes with the number: when it is removed, changed, or changed back', async () => {
    await verifyPhone(world, sara)
    succeeded(await turn(true))
    world.clock.turn(minutes(2))
    await move(world, sara, { phone: OTHER_PHONE })
    expect(await isOn()).toBe(false)
    succeeded(await turn(true))
    succeeded(await change(world, sara, { phone: null }))
    await verifyPhone(world, sara, OTHER_PHONE)
    expect(await isOn()).toBe(false)
    succeeded(await turn(true))
    succeeded(await undo(world, (await undoTokensTo(world, sara.email))[0]))
    const { db } = world.latchkey.foundation
    expect(await db.selectFrom('users').select('phoneSignInSince').execute()).toEqual([{ phoneSignInSince: null }])
    expect(await recordedOf(world, sara.id, ['phone_sign_in_off'])).toHaveLength(3)
  })

  it('is no admin’s to turn on', async () => {
    await verifyPhone(world, sara)
    const { access: token } = await world.admin()
    const path = `/api/users/${sara.id}/`
    succeeded(await world.call('PATCH', path, { token, body: { phone_sign_in: true } }))
    expect(await isOn()).toBe(false)
  })
})

describe('the last of its kind', () => {
  const twoFactors = async () => {
    const { db } = world.latchkey.foundation
    await db.updateTable('users').set({ twoFactorSince: world.clock.now() }).where('id', '=', sara.id).execute()
  }

  it('stays: the phone that is the last factor is neither removed nor changed by an admin', async () => {
    world = await createWorld({ settings: { EMAIL_AS_SECOND_FACTOR: 'false' } })
    sara = await verifiedUser(world)
    await verifyPhone(world, sara)
    await twoFactors()
    const { access: token } = await world.admin()
    for (const body of [{ phone: null }, { phone: OTHER_PHONE, first_name: 'Sarvenaz' }]) {
      const answer = await world.call('PATCH', `/api/users/${sara.id}/`, { token, body })
      expect([answer.status, answer.body.code]).toEqual([409, 'last_factor'])
    }
    const removed = await change(world, sara, { phone: null, first_name: 'Sarvenaz' })
    expect([removed.status, removed.body.code]).toEqual([409, 'last_factor'])
    const record = (await world.call('GET', '/api/users/me/', { token: sara.access })).body
    expect(record).toMatchObject({ phone: PHONE, phone_verified: true, first_name: '' })
    await move(world, sara, { phone: OTHER_PHONE })
  })

  it('stays: the phone that alone begins a sign-in', async () => {
    world = await createWorld()
    sara = await world.signedInUser()
    await verifyPhone(world, sara)
    succeeded(await turn(true))
    await world.latchkey.foundation.db.updateTable('users').set({ passwordHash: '!' }).execute()
    const { status, body } = await change(world, sara, { phone: null })
    expect([status, body.code]).toEqual([409, 'last_sign_in_method'])
  })

  it('goes where another is left', async () => {
    await verifyPhone(world, sara)
    await twoFactors()
    expect((await change(world, sara, { phone: null })).status).toBe(200)
  })
})
