import { beforeEach, describe, expect, it } from 'vitest'
import {
  change,
  eventsOf,
  me,
  move,
  onlyUndoTo,
  rowOf,
  signInAgain,
  subjectsTo,
  undo,
  UNDO_INVALID,
  undoSaid,
  undoTokensTo,
  verifyEmail,
} from '../../../test/changes.ts'
import { verifyCode } from '../../../test/codes.ts'
import { succeeded } from '../../../test/factors.ts'
import { createWorld, PASSWORD, type SignedIn, type World } from '../../../test/world.ts'
import { hours, minutes, seconds } from '../../kernel/duration.ts'

const OLD = 'sara@example.com'
const NEW = 'sara@new.example'
const THIRD = 'sara@third.example'

let world: World
let sara: SignedIn

beforeEach(async () => {
  world = await createWorld()
  sara = await world.signedInUser(OLD)
  await verifyEmail(world, sara)
  world.clock.turn(minutes(2))
})

describe('a change of e-mail that waits', () => {
  it('is told to the verified address alone, with a link of 128 bits whose hash alone is kept', async () => {
    succeeded(await change(world, sara, { email: NEW }))
    const token = await onlyUndoTo(world, OLD)
    expect(token).toMatch(/^[\w-]{22}$/)
    const [notice] = await world.inbox(OLD)
    expect(notice?.text).toContain('http://localhost:8000/account/undo/#')
    expect(notice?.text).toContain('s***@new.example')
    expect(await undoTokensTo(world, NEW)).toEqual([])
    const rows = await world.latchkey.foundation.db.selectFrom('addressChanges').selectAll().execute()
    expect(JSON.stringify(rows)).not.toContain(token)
  })

  it('is cancelled by it, once, and nothing else is: sessions and password stay', async () => {
    succeeded(await change(world, sara, { email: NEW }))
    const code = await world.codeTo(NEW)
    const token = await onlyUndoTo(world, OLD)
    expect(undoSaid(await undo(world, token))).toEqual([200, 'cancelled', 'email'])
    expect(await me(world, sara)).toMatchObject({ email: OLD, email_verified: true, pending_email: null })
    expect((await verifyCode(world, sara, code)).status).toBe(400)
    expect(undoSaid(await undo(world, token))).toEqual(UNDO_INVALID)
    succeeded(await world.signIn(sara))
  })

  it('is cancelled however late', async () => {
    succeeded(await change(world, sara, { email: NEW }))
    const token = await onlyUndoTo(world, OLD)
    world.clock.turn(hours(24 * 60))
    expect(undoSaid(await undo(world, token))).toEqual([200, 'cancelled', 'email'])
  })

  it('is cancelled by the first link though it waits for another address by now', async () => {
    succeeded(await change(world, sara, { email: NEW }))
    world.clock.turn(seconds(61))
    succeeded(await change(world, sara, { email: THIRD }))
    const [second, first] = await undoTokensTo(world, OLD)
    expect(second).toBe(first)
    expect(undoSaid(await undo(world, first))).toEqual([200, 'cancelled', 'email'])
    expect(await me(world, sara)).toMatchObject({ email: OLD, pending_email: null })
  })

  it('leaves a link that does nothing once its owner took it back himself', async () => {
    succeeded(await change(world, sara, { email: NEW }))
    const token = await onlyUndoTo(world, OLD)
    succeeded(await change(world, sara, { email: OLD }))
    expect(undoSaid(await undo(world, token))).toEqual(UNDO_INVALID)
    expect(await eventsOf(world, sara.id)).toContainEqual(['address_change_cancelled', { channel: 'email' }])
  })
})

describe('a change of e-mail that was made', () => {
  it('is told to the old address with the same link, not to the new one', async () => {
    await move(world, sara, { email: NEW })
    const [second, first] = await undoTokensTo(world, OLD)
    expect(second).toBe(first)
    expect(await undoTokensTo(world, NEW)).toEqual([])
    expect((await subjectsTo(world, OLD)).slice(0, 2)).toEqual([
      'The e-mail address of your Latchkey account was changed',
      'A new e-mail address for your Latchkey account',
    ])
    expect(await world.latchkey.foundation.db.selectFrom('addressChanges').select('id').execute()).toHaveLength(1)
  })

  it('is undone for 48 hours: the old address is back, verified as it was, and lets in by a new password alone', async () => {
    const verifiedAt = (await rowOf(world, sara.id)).emailVerifiedAt
    const elsewhere = await signInAgain(world, sara)
    await move(world, sara, { email: NEW })
    world.clock.turn(hours(48))
    world.clock.turn(seconds(-1))
    const pending = (await signInAgain(world, { ...sara, email: NEW })).refresh
    const [token] = await undoTokensTo(world, OLD)
    expect(undoSaid(await undo(world, token))).toEqual([200, 'undone', 'email'])
    expect(await rowOf(world, sara.id)).toMatchObject({ email: OLD, emailVerifiedAt: verifiedAt, passwordHash: '!' })
    for (const { access } of [sara, elsewhere]) {
      expect((await world.call('GET', '/api/users/me/', { token: access })).status).toBe(401)
    }
    expect((await world.call('POST', '/api/token/refresh/', { body: { refresh: pending } })).status).toBe(401)
    for (const email of [OLD, NEW]) expect((await world.signIn({ email, password: PASSWORD })).status).toBe(401)
    expect((await subjectsTo(world, OLD))[0]).toBe('A change to your Latchkey account was undone')
    expect(undoSaid(await undo(world, token))).toEqual(UNDO_INVALID)
    expect((await eventsOf(world, sara.id)).map(([type]) => type)).toEqual(
      expect.arrayContaining(['email_change_requested', 'email_changed', 'password_voided', 'address_change_undone']),
    )
  })

  it('stays after 48 hours', async () => {
    await move(world, sara, { email: NEW })
    world.clock.turn(hours(48))
    expect(undoSaid(await undo(world, (await undoTokensTo(world, OLD))[0]))).toEqual(UNDO_INVALID)
    expect(await rowOf(world, sara.id)).toMatchObject({ email: NEW })
  })

  it('counts its 48 hours from when it was made, not from when it was asked for', async () => {
    succeeded(await change(world, sara, { email: NEW }))
    const token = await onlyUndoTo(world, OLD)
    world.clock.turn(hours(47))
    const asker = await signInAgain(world, sara)
    await world.call('POST', '/api/otp/send/', { token: asker.access, body: { email_or_phone: 'email' } })
    succeeded(await verifyCode(world, asker, await world.codeTo(NEW)))
    world.clock.turn(hours(47))
    expect(undoSaid(await undo(world, token))).toEqual([200, 'undone', 'email'])
  })

  it('is undone by an admin’s change too: told to the address it took the place of', async () => {
    const { access: token } = await world.admin()
    succeeded(await world.call('PATCH', `/api/users/${sara.id}/`, { token, body: { email: NEW } }))
    expect(await me(world, sara)).toMatchObject({ email: NEW, email_verified: false })
    expect(undoSaid(await undo(world, await onlyUndoTo(world, OLD)))).toEqual([200, 'undone', 'email'])
    expect(await rowOf(world, sara.id)).toMatchObject({ email: OLD, emailVerifiedAt: expect.any(Date) })
  })

  it('takes everything with it that waits, and every code that is open', async () => {
    await move(world, sara, { email: NEW })
    world.clock.turn(minutes(2))
    const moved = await signInAgain(world, { ...sara, email: NEW })
    succeeded(await change(world, moved, { email: THIRD }))
    succeeded(await world.call('POST', '/api/password/reset/', { body: { email: NEW } }))
    succeeded(await undo(world, (await undoTokensTo(world, OLD))[0]))
    expect(await rowOf(world, sara.id)).toMatchObject({ email: OLD, pendingEmail: null })
    const { db } = world.latchkey.foundation
    expect(await db.selectFrom('challenges').select('id').where('userId', '=', sara.id).execute()).toEqual([])
    const tokens = db.selectFrom('passwordTokens').select('id').where('userId', '=', sara.id)
    expect(await tokens.where('consumedAt', 'is', null).execute()).toEqual([])
  })
})

describe('of two changes of e-mail', () => {
  let older: string
  let newer: string

  beforeEach(async () => {
    await move(world, sara, { email: NEW })
    world.clock.turn(minutes(2))
    await move(world, await signInAgain(world, { ...sara, email: NEW }), { email: THIRD })
    older = (await undoTokensTo(world, OLD))[0]!
    newer = (await undoTokensTo(world, NEW))[0]!
  })

  it('the older undone ends the newer: its link does nothing any more', async () => {
    expect(undoSaid(await undo(world, older))).toEqual([200, 'undone', 'email'])
    expect(await rowOf(world, sara.id)).toMatchObject({ email: OLD })
    expect(undoSaid(await undo(world, newer))).toEqual(UNDO_INVALID)
  })

  it('the newer can be undone alone, and the older after it', async () => {
    expect(undoSaid(await undo(world, newer))).toEqual([200, 'undone', 'email'])
    expect(await rowOf(world, sara.id)).toMatchObject({ email: NEW })
    expect(undoSaid(await undo(world, older))).toEqual([200, 'undone', 'email'])
    expect(await rowOf(world, sara.id)).toMatchObject({ email: OLD })
  })

  it('both end after their own 48 hours', async () => {
    world.clock.turn(hours(48))
    expect(undoSaid(await undo(world, older))).toEqual(UNDO_INVALID)
    expect(undoSaid(await undo(world, newer))).toEqual(UNDO_INVALID)
  })
})

it('answers every link that undoes nothing in the same words', async () => {
  succeeded(await change(world, sara, { email: NEW }))
  const used = await onlyUndoTo(world, OLD)
  await undo(world, used)
  const answers = await Promise.all(
    [used, `${used}x`, 'x', used.slice(1), '۱'.repeat(22)].map((token) => undo(world, token)),
  )
  expect(new Set(answers.map(({ status, body }) => `${status} ${body.code} ${body.detail}`)).size).toBe(1)
  const missing = await undo(world, undefined)
  expect([missing.status, missing.body.token]).toEqual([400, ['This field is required.']])
})

it('uses nothing up when the page of a link is opened, in either language', async () => {
  succeeded(await change(world, sara, { email: NEW }))
  const token = await onlyUndoTo(world, OLD)
  for (const method of ['GET', 'HEAD'] as const) {
    for (const language of ['en', 'fa']) {
      const { status } = await world.call(method, `/account/undo/?language=${language}`)
      expect(status).toBe(200)
    }
    expect((await world.call(method, '/api/account/undo/')).status).toBe(405)
  }
  expect(undoSaid(await undo(world, token))).toEqual([200, 'cancelled', 'email'])
})
