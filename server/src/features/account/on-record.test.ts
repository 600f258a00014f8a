import { expect, it } from 'vitest'
import { change, undo, undoTokensTo, verifyPhone } from '../../../test/changes.ts'
import { PHONE, setPhone, verifyCode } from '../../../test/codes.ts'
import { succeeded, verifiedUser } from '../../../test/factors.ts'
import { createWorld } from '../../../test/world.ts'
import { minutes, seconds } from '../../kernel/duration.ts'

const EMAIL = 'sara@example.com'

it('puts every change of an account on record: what and whose, by whom, and neither names nor whole addresses', async () => {
  const world = await createWorld()
  const { db } = world.latchkey.foundation
  const written = async (): Promise<unknown[]> => {
    const events = await db.selectFrom('auditEvents').selectAll().orderBy('at').orderBy('type').execute()
    await db.deleteFrom('auditEvents').execute()
    return events.map(({ type, result, details }) => [
      type,
      ...(result === 'failure' ? [result] : []),
      JSON.parse(details),
    ])
  }
  const next = () => world.clock.turn(seconds(61))

  const sara = await verifiedUser(world, EMAIL)
  expect(await written()).toEqual([
    ['email_verified', { address: 's***@example.com' }],
    ['registered', { address: 's***@example.com' }],
    ['signed_in', expect.anything()],
  ])

  succeeded(await change(world, sara, { first_name: 'Sarvenaz', birthday: '1995-03-21', gender: null }))
  expect(await written()).toEqual([['profile_changed', { members: ['first_name', 'birthday', 'gender'] }]])

  succeeded(await change(world, sara, { email: 'Sara@example.com' }))
  expect(await written()).toEqual([['profile_changed', { members: ['email'] }]])

  await verifyPhone(world, sara)
  const phone = { address: '+98******6789' }
  expect(await written()).toEqual([
    ['phone_changed', phone],
    ['phone_verified', phone],
  ])

  next()
  succeeded(await change(world, sara, { email: 'other@example.com', phone: '+989351234567' }))
  expect(await written()).toEqual([
    ['email_change_requested', { address: 'o***@example.com' }],
    ['phone_change_requested', { address: '+98******4567' }],
  ])
  succeeded(await change(world, sara, { phone: PHONE }))
  succeeded(await verifyCode(world, sara, await world.codeTo('other@example.com')))
  expect(await written()).toEqual([
    ['address_change_cancelled', { channel: 'phone' }],
    ['email_changed', { address: 'o***@example.com' }],
  ])

  next()
  succeeded(await change(world, sara, { phone: null }))
  succeeded(await undo(world, (await undoTokensTo(world, 'other@example.com'))[0]))
  expect(await written()).toEqual([
    ['address_change_undone', { channel: 'phone', ...phone }],
    ['password_voided', {}],
    ['phone_removed', phone],
  ])
  expect(await db.selectFrom('users').select('email').execute()).toEqual([{ email: 'other@example.com' }])
})

it('puts on record that a number was proven that is another’s', async () => {
  const world = await createWorld()
  const [sara, other] = [await verifiedUser(world, EMAIL), await world.signedInUser()]
  await verifyPhone(world, sara)
  world.clock.turn(minutes(2))
  succeeded(await setPhone(world, other))
  succeeded(await world.call('POST', '/api/otp/send/', { token: other.access, body: { email_or_phone: 'phone' } }))
  expect((await verifyCode(world, other, await world.codeTo(PHONE))).status).toBe(409)
  const { db } = world.latchkey.foundation
  const failures = db.selectFrom('auditEvents').select(['type', 'userId', 'details']).where('result', '=', 'failure')
  expect(await failures.execute()).toEqual([
    { type: 'phone_verified', userId: other.id, details: '{"reason":"phone_in_use"}' },
  ])
})

it('tells an admin’s change apart from the user’s own', async () => {
  const world = await createWorld()
  const sara = await verifiedUser(world, EMAIL)
  const admin = await world.admin()
  const path = `/api/users/${sara.id}/`
  succeeded(await world.call('PATCH', path, { token: admin.access, body: { email: 'sara@new.example' } }))
  const { db } = world.latchkey.foundation
  const events = db.selectFrom('auditEvents').select(['actor', 'actorId', 'userId']).where('type', '=', 'email_changed')
  expect(await events.execute()).toEqual([{ actor: 'user', actorId: admin.id, userId: sara.id }])
})
