import { beforeEach, describe, expect, it } from 'vitest'
import {
  change,
  eventsOf,
  move,
  onlyUndoTo,
  rowOf,
  signInAgain,
  subjectsTo,
  undo,
  undoSaid,
  undoTokensTo,
  verifyEmail,
  verifyPhone,
} from '../../../test/changes.ts'
import { codeFor, PHONE, sendCode, verifyCode } from '../../../test/codes.ts'
import { succeeded } from '../../../test/factors.ts'
import { createWorld, type SignedIn, type World } from '../../../test/world.ts'
import { minutes, seconds } from '../../kernel/duration.ts'

const OLD = 'sara@example.com'
const NEW = 'sara@new.example'
const OTHER_PHONE = '+989351234567'

let world: World
let sara: SignedIn

beforeEach(async () => {
  world = await createWorld()
  sara = await world.signedInUser(OLD)
  await verifyEmail(world, sara)
  world.clock.turn(minutes(2))
})

describe('a phone', () => {
  it('is told of when it is first verified, and goes when that is undone', async () => {
    await verifyPhone(world, sara)
    expect((await subjectsTo(world, OLD))[0]).toBe('A phone number was verified for your Latchkey account')
    expect((await world.inbox(PHONE)).every(({ code }) => code !== undefined)).toBe(true)
    expect(undoSaid(await undo(world, await onlyUndoTo(world, OLD)))).toEqual([200, 'undone', 'phone'])
    expect(await rowOf(world, sara.id)).toMatchObject({ phone: null, phoneVerifiedAt: null, passwordHash: '!' })
  })

  it('undone, takes a change of e-mail back that was asked for before it and made after it: or its link would be a thief’s', async () => {
    await verifyPhone(world, sara)
    world.clock.turn(minutes(1))
    const thief = await signInAgain(world, sara)
    succeeded(await change(world, thief, { email: NEW }))
    world.clock.turn(seconds(61))
    succeeded(await change(world, thief, { phone: null }))
    const [ofPhone] = await undoTokensTo(world, OLD)
    succeeded(await sendCode(world, thief, 'email'))
    succeeded(await verifyCode(world, thief, await world.codeTo(NEW)))
    expect((await rowOf(world, sara.id)).email).toBe(NEW)
    expect(undoSaid(await undo(world, ofPhone))).toEqual([200, 'undone', 'phone'])
    expect(await rowOf(world, sara.id)).toMatchObject({ email: OLD, phone: PHONE })
  })

  it('is told of once: what is verified already is verified again without a word', async () => {
    await verifyPhone(world, sara)
    world.clock.turn(minutes(2))
    const later = await signInAgain(world, sara)
    succeeded(await verifyCode(world, later, await codeFor(world, later, 'phone')))
    expect(await undoTokensTo(world, OLD)).toHaveLength(1)
  })

  it('comes back with its mark when its change is undone, and is never told itself', async () => {
    await verifyPhone(world, sara)
    world.clock.turn(minutes(2))
    const { phoneVerifiedAt } = await rowOf(world, sara.id)
    await move(world, sara, { phone: OTHER_PHONE })
    expect((await subjectsTo(world, OLD)).slice(0, 2)).toEqual([
      'The phone number of your Latchkey account was changed',
      'A new phone number for your Latchkey account',
    ])
    const [token] = await undoTokensTo(world, OLD)
    expect(await undoTokensTo(world, PHONE)).toEqual([])
    expect(undoSaid(await undo(world, token))).toEqual([200, 'undone', 'phone'])
    expect(await rowOf(world, sara.id)).toMatchObject({ phone: PHONE, phoneVerifiedAt, email: OLD })
  })

  it('comes back when it was removed, by the user or an admin', async () => {
    const { access: token } = await world.admin()
    for (const remove of [
      (user: SignedIn) => change(world, user, { phone: null }),
      () => world.call('PATCH', `/api/users/${sara.id}/`, { token, body: { phone: null } }),
    ]) {
      await world.latchkey.foundation.db
        .updateTable('users')
        .set({
          phone: PHONE,
          phoneVerifiedAt: world.clock.now(),
          passwordHash: (await rowOf(world, sara.id + 1)).passwordHash,
        })
        .where('id', '=', sara.id)
        .execute()
      succeeded(await remove(await signInAgain(world, sara)))
      expect((await subjectsTo(world, OLD))[0]).toBe('The phone number was removed from your Latchkey account')
      expect(undoSaid(await undo(world, (await undoTokensTo(world, OLD))[0]))).toEqual([200, 'undone', 'phone'])
      expect(await rowOf(world, sara.id)).toMatchObject({ phone: PHONE, phoneVerifiedAt: expect.any(Date) })
    }
  })

  it('is told of to nobody while no e-mail is verified', async () => {
    const guest = await world.signedInUser('guest@example.com')
    await verifyPhone(world, guest)
    world.clock.turn(minutes(2))
    await move(world, guest, { phone: OTHER_PHONE })
    succeeded(await change(world, guest, { phone: null }))
    expect(await world.inbox('guest@example.com')).toEqual([])
    expect((await eventsOf(world, guest.id)).map(([type]) => type)).toEqual(
      expect.arrayContaining(['phone_verified', 'phone_change_requested', 'phone_changed', 'phone_removed']),
    )
  })

  it('that was changed after the e-mail comes back with it', async () => {
    await verifyPhone(world, sara)
    world.clock.turn(minutes(2))
    await move(world, await signInAgain(world, sara), { email: NEW })
    world.clock.turn(minutes(2))
    const thief = await signInAgain(world, { ...sara, email: NEW })
    succeeded(await change(world, thief, { phone: null }))
    await verifyPhone(world, thief, OTHER_PHONE)
    const tokens = await undoTokensTo(world, OLD)
    expect(undoSaid(await undo(world, tokens[0]))).toEqual([200, 'undone', 'email'])
    expect(await rowOf(world, sara.id)).toMatchObject({ email: OLD, phone: PHONE, phoneVerifiedAt: expect.any(Date) })
  })
})
