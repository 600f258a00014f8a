import { describe, expect, it } from 'vitest'
import { codeFor, verifyCode } from '../../../test/codes.ts'
import { createSharedWorld } from '../../../test/other-process.ts'
import { changePassword, NEW_PASSWORD, confirmReset, resetMail } from '../../../test/passwords.ts'
import { UNLIMITED } from '../../../test/unlimited.ts'
import { atOnce, hashesOf, inTurn, statuses } from '../../../test/wire.ts'
import { createWorld, PASSWORD, type World } from '../../../test/world.ts'
import { minutes } from '../../kernel/duration.ts'

const refresh = (world: World, token: string) => world.call('POST', '/api/token/refresh/', { body: { refresh: token } })
const me = (world: World, token: string) => world.call('GET', '/api/users/me/', { token })
const change = (world: World, token: string, body: unknown) =>
  world.call('POST', '/api/password/change/', { token, body })

describe('a change of password', () => {
  it('makes the new password the one that signs in, and ends every session but the one that asked', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    const other = (await world.signIn(user)).body
    expect((await changePassword(world, user)).status).toBe(204)
    expect((await world.signIn(user)).status).toBe(401)
    expect((await world.signIn({ ...user, password: NEW_PASSWORD })).status).toBe(200)
    expect((await me(world, user.access)).status).toBe(200)
    expect((await refresh(world, user.refresh)).status).toBe(200)
    expect((await me(world, other.access)).status).toBe(401)
    expect((await refresh(world, other.refresh)).status).toBe(401)
  })

  it('is told to the user, and stands on record with the number of sessions it ended', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    await world.signIn(user)
    await changePassword(world, user)
    expect((await world.inbox(user.email)).map(({ subject }) => subject)).toContain(
      'Your Latchkey password was changed',
    )
    const events = await world.latchkey.foundation.db
      .selectFrom('auditEvents')
      .select(['type', 'userId', 'actorId', 'details'])
      .where('type', '=', 'password_changed')
      .execute()
    expect(events).toEqual([
      { type: 'password_changed', userId: user.id, actorId: user.id, details: JSON.stringify({ sessions: 1 }) },
    ])
  })

  it('needs a sign-in younger than ten minutes', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    world.clock.turn(minutes(10))
    const answer = await changePassword(world, user)
    expect([answer.status, answer.body.code]).toEqual([403, 'reauthentication_required'])
  })

  // Guards: the session asked for again in `replace`, and whether the account is open. Seen failing (204) without either.
  it.each([
    ['its session ended', "update sessions set ended_at = '2026-11-22T09:00:00.000Z'", 'token_not_valid'],
    ['its account was closed', "update users set deactivated_at = '2026-11-22T09:00:00.000Z'", 'user_not_found'],
  ])('is none where another server saw to it that %s while the passwords were hashed', async (_, sql, code) => {
    const { world, strike } = await createSharedWorld()
    const user = await world.signedInUser()
    const { db } = world.latchkey.foundation
    const hash = () => db.selectFrom('users').select('passwordHash').executeTakeFirst()
    const before = await hash()
    strike(sql)
    const answer = await changePassword(world, user)
    expect([answer.status, answer.body.code]).toEqual([401, code])
    expect(await hash()).toEqual(before)
  })

  it('makes a mail to set a password void that was sent before', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    const mail = await resetMail(world, user)
    await changePassword(world, user)
    expect((await confirmReset(world, { token: mail.token })).status).toBe(400)
    expect((await confirmReset(world, { email: user.email, code: mail.code })).status).toBe(400)
  })

  it('makes a code to sign in with void that was sent before', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    await verifyCode(world, user, await codeFor(world, user))
    const { body } = await world.call('POST', '/api/token/code/', { body: { email: user.email } })
    const code = await world.codeTo(user.email)
    await changePassword(world, user)
    const shown = { challenge: body.challenge, code }
    expect((await world.call('POST', '/api/token/code/confirm/', { body: shown })).status).toBeGreaterThanOrEqual(400)
  })
})

describe('a wrong current password', () => {
  it('is told at its field, and changes nothing', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    const answer = await changePassword(world, { ...user, password: 'Wrong-Horse-7' })
    expect([answer.status, answer.body.current_password]).toEqual([400, ['This is not your password.']])
    expect((await world.signIn(user)).status).toBe(200)
  })

  // Guard: `admit` before the comparison. Seen failing (20 × 400) with it taken out.
  it('counts as a failed sign-in: five are free, twenty at once are no more, and signing in has to wait too', async () => {
    const world = await createWorld({ settings: { ...UNLIMITED, THROTTLE_LOGIN: '1000/min' } })
    const user = await world.signedInUser()
    const wrong = { ...user, password: 'Wrong-Horse-7' }
    expect(statuses(await atOnce(20, () => changePassword(world, wrong)))).toEqual({ 400: 5, 429: 15 })
    const answer = await changePassword(world, user)
    expect([answer.status, answer.headers['retry-after']]).toEqual([429, '30'])
    expect((await world.signIn(user)).status).toBe(429)
  })

  it('ends its row with a success', async () => {
    const world = await createWorld({ settings: { ...UNLIMITED, THROTTLE_LOGIN: '1000/min' } })
    const user = await world.signedInUser()
    await inTurn(4, () => changePassword(world, { ...user, password: 'Wrong-Horse-7' }))
    expect((await changePassword(world, user)).status).toBe(204)
    expect(await world.latchkey.foundation.db.selectFrom('signInFailures').selectAll().execute()).toEqual([])
  })

  it('stands on record as a failure', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    await changePassword(world, { ...user, password: 'Wrong-Horse-7' })
    const events = await world.latchkey.foundation.db
      .selectFrom('auditEvents')
      .select(['userId', 'result'])
      .where('type', '=', 'password_change_failed')
      .execute()
    expect(events).toEqual([{ userId: user.id, result: 'failure' }])
  })
})

describe('the new password', () => {
  it('is judged by the policy with every fault at once, beside those of the other field, and before any hash', async () => {
    const world = await createWorld()
    const { access } = await world.signedInUser()
    const work = await hashesOf(world, async () => {
      const { status, body } = await change(world, access, { new_password: 'xqz' })
      expect([status, body.current_password]).toEqual([400, ['This field is required.']])
      expect(body.new_password).toHaveLength(3)
    })
    expect(work).toBe(0)
  })

  it.each([[{}], [{ current_password: null, new_password: 7 }], [[]], [null]])(
    'and the current one are asked for in the words of any field: %j',
    async (body) => {
      const world = await createWorld()
      const { access } = await world.signedInUser()
      const answer = await change(world, access, body)
      expect([answer.status, answer.body.code]).toEqual([400, 'invalid'])
    },
  )

  it('is neither the current one, in whatever form of Unicode, nor a name of the user', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    const same = await changePassword(world, user, PASSWORD)
    expect(same.body.new_password).toEqual(['The new password must be another one than the current.'])
    const [composed, decomposed] = ['Café-Horse-7', 'Cafe\u0301-Horse-7']
    const forms = await change(world, user.access, { current_password: composed, new_password: decomposed })
    expect(forms.body.new_password).toEqual(['The new password must be another one than the current.'])
    await world.call('PATCH', '/api/users/me/', { token: user.access, body: { first_name: 'Better-Horse-8' } })
    const personal = await changePassword(world, user)
    expect(personal.body.new_password).toEqual([expect.stringContaining('your name')])
  })
})
