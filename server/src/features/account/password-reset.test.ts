import { describe, expect, it } from 'vitest'
import { codeFor, verifyCode } from '../../../test/codes.ts'
import {
  askForReset,
  changePassword,
  confirmReset,
  NEW_PASSWORD,
  passwordMails,
  resetMail,
} from '../../../test/passwords.ts'
import { UNLIMITED } from '../../../test/unlimited.ts'
import { hashesOf, inTurn, statuses } from '../../../test/wire.ts'
import { type Answer, createWorld, type World } from '../../../test/world.ts'
import { minutes, seconds } from '../../kernel/duration.ts'

const REFUSED = [400, 'password_token_invalid']
const said = ({ status, body }: Answer) => [status, body.code]
const rowOf = (world: World, id: number) =>
  world.latchkey.foundation.db.selectFrom('users').selectAll().where('id', '=', id).executeTakeFirstOrThrow()

describe('a reset', () => {
  it.each(['token', 'code'] as const)('sets a new password by the %s of the mail, and signs nobody in', async (by) => {
    const world = await createWorld()
    const user = await world.signedInUser()
    const { token, code } = await resetMail(world, user)
    const answer = await confirmReset(world, by === 'token' ? { token } : { email: user.email, code })
    expect([answer.status, answer.text]).toEqual([204, ''])
    expect((await world.signIn(user)).status).toBe(401)
    expect((await world.signIn({ ...user, password: NEW_PASSWORD })).status).toBe(200)
  })

  it.each(['text', 'html'] as const)('shows its reader the code to type: %s', async (form) => {
    const world = await createWorld()
    const user = await world.signedInUser()
    await resetMail(world, user)
    const mail = (await world.inbox(user.email))[0]!
    expect(mail.code).toMatch(/^\w{4}-\w{4}-\w{4}$/)
    expect(mail[form]).toMatch(new RegExp(`[>\\n]${mail.code}[<\\n]`))
  })

  it('takes the code however it is typed', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    const { code } = await resetMail(world, user)
    const typed = ` ${code.toLowerCase().replaceAll('-', ' ').replaceAll('0', 'o').replaceAll('1', 'l')} `
    const email = user.email.toUpperCase()
    expect((await confirmReset(world, { email, code: typed })).status).toBe(204)
  })

  it('ends every session, and makes every other mail void: the link, the code, and those of earlier mails', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    const earlier = await resetMail(world, user)
    world.clock.turn(minutes(1))
    const latest = await resetMail(world, user)
    expect((await confirmReset(world, { token: latest.token })).status).toBe(204)
    expect((await world.call('GET', '/api/users/me/', { token: user.access })).status).toBe(401)
    for (const { token, code } of [earlier, latest]) {
      expect(said(await confirmReset(world, { token }))).toEqual(REFUSED)
      expect(said(await confirmReset(world, { email: user.email, code }))).toEqual(REFUSED)
    }
  })

  it('verifies the address, since the mail came there, and is told to it', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    const { token } = await resetMail(world, user)
    await confirmReset(world, { token })
    const now = world.clock.now()
    const proven = { emailVerifiedAt: now, emailFirstProvenAt: now, passwordResetAt: now }
    expect(await rowOf(world, user.id)).toMatchObject(proven)
    expect((await world.inbox(user.email))[0]?.subject).toBe('Your Latchkey password was set anew')
  })

  it('opens an account again that failed sign-ins have closed', async () => {
    const world = await createWorld({ settings: { ...UNLIMITED, THROTTLE_LOGIN: '1000/min' } })
    const user = await world.signedInUser()
    await inTurn(5, () => world.signIn({ ...user, password: 'Wrong-Horse-7' }))
    await world.latchkey.foundation.db.updateTable('signInFailures').set({ failures: 100 }).execute()
    expect((await world.signIn(user)).status).toBe(429)
    await confirmReset(world, await resetMail(world, user))
    expect((await world.signIn({ ...user, password: NEW_PASSWORD })).status).toBe(200)
  })

  it('gives an account a password that has none', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    await world.latchkey.foundation.db.updateTable('users').set({ passwordHash: '!' }).execute()
    expect((await world.signIn({ ...user, password: '!' })).status).toBe(401)
    expect((await changePassword(world, { ...user, password: '!' })).status).toBe(400)
    await confirmReset(world, await resetMail(world, user))
    expect((await world.signIn({ ...user, password: NEW_PASSWORD })).status).toBe(200)
  })

  it('stands on record: that it was asked for, that it was tried in vain, that it was done', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    const { token } = await resetMail(world, user)
    world.clock.turn(seconds(1))
    await confirmReset(world, { email: user.email, code: 'AAAA-BBBB-CCCC' })
    world.clock.turn(seconds(1))
    await confirmReset(world, { token })
    const events = await world.latchkey.foundation.db
      .selectFrom('auditEvents')
      .select(['type', 'result', 'userId'])
      .where('type', 'like', 'password%')
      .orderBy('id')
      .execute()
    expect(events).toEqual([
      { type: 'password_reset_requested', result: 'success', userId: user.id },
      { type: 'password_reset', result: 'failure', userId: user.id },
      { type: 'password_reset', result: 'success', userId: user.id },
    ])
  })
})

describe('a mail to set a password', () => {
  it('holds a code in groups of four, and a link whose token stands where no server sees it', async () => {
    const world = await createWorld({ settings: { PUBLIC_URL: 'http://localhost:9000' } })
    const user = await world.signedInUser()
    const headers = { host: 'evil.example' }
    await world.call('POST', '/api/password/reset/', { body: { email: user.email }, headers })
    const [mail] = await passwordMails(world, user.email)
    expect(mail?.code).toMatch(/^[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){2}$/)
    expect(mail?.link).toMatch(/^http:\/\/localhost:9000\/password\/reset\/#[\w-]{22}$/)
  })

  it('is good for half an hour and not a moment longer', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    const { token, code } = await resetMail(world, user)
    world.clock.turn(minutes(30))
    expect(said(await confirmReset(world, { token }))).toEqual(REFUSED)
    expect(said(await confirmReset(world, { email: user.email, code }))).toEqual(REFUSED)
    expect((await confirmReset(world, await resetMail(world, user))).status).toBe(204)
  })

  it('comes once a minute at most, and leaves those before it good', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    const { token } = await resetMail(world, user)
    expect((await askForReset(world, user.email)).status).toBe(202)
    world.clock.turn(seconds(59))
    expect((await askForReset(world, user.email)).status).toBe(202)
    expect(await passwordMails(world, user.email)).toHaveLength(1)
    world.clock.turn(seconds(1))
    await askForReset(world, user.email)
    expect(await passwordMails(world, user.email)).toHaveLength(2)
    expect((await confirmReset(world, { token })).status).toBe(204)
  })

  it('comes to who keeps asking five times an hour at most, and to its owner at home all the same', async () => {
    const world = await createWorld({ settings: { THROTTLE_RESET: 'off' } })
    const user = await world.signedInUser()
    await inTurn(8, async () => {
      expect((await askForReset(world, user.email, '203.0.113.9')).status).toBe(202)
      world.clock.turn(minutes(2))
    })
    expect(await passwordMails(world, user.email)).toHaveLength(5)
    await inTurn(8, async () => {
      expect((await askForReset(world, user.email)).status).toBe(202)
      world.clock.turn(minutes(2))
    })
    expect(await passwordMails(world, user.email)).toHaveLength(10)
  })

  it('never comes to a deactivated account, and sets nothing once the account is closed', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    const { token } = await resetMail(world, user)
    const deactivatedAt = world.clock.now()
    await world.latchkey.foundation.db.updateTable('users').set({ deactivatedAt }).execute()
    world.clock.turn(minutes(1))
    expect((await askForReset(world, user.email)).status).toBe(202)
    expect(await passwordMails(world, user.email)).toHaveLength(1)
    expect(said(await confirmReset(world, { token }))).toEqual(REFUSED)
  })

  it('sets nothing once the account has another address than the one it came to', async () => {
    const world = await createWorld()
    const user = await world.signedInUser('first@example.com')
    const { token, code } = await resetMail(world, user)
    await world.call('PATCH', '/api/users/me/', { token: user.access, body: { email: 'second@example.com' } })
    expect(said(await confirmReset(world, { token }))).toEqual(REFUSED)
    for (const email of ['first@example.com', 'second@example.com']) {
      expect(said(await confirmReset(world, { email, code }))).toEqual(REFUSED)
    }
  })

  it('is written in the language of the user, else in the one it was asked for in', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    const ask = () =>
      world.call('POST', '/api/password/reset/', {
        body: { email: user.email },
        headers: { 'accept-language': 'fa' },
      })
    await ask()
    expect((await world.inbox(user.email))[0]?.html).toContain('dir="rtl"')
    await world.call('PATCH', '/api/users/me/', { token: user.access, body: { language: 'en' } })
    world.clock.turn(minutes(1))
    await ask()
    expect((await world.inbox(user.email))[0]?.html).toContain('dir="ltr"')
  })
})

describe('what is shown for a new password', () => {
  it('is a token, or an address with its code: else the fields are asked for, with every fault of the password', async () => {
    const world = await createWorld()
    const answer = await world.call('POST', '/api/password/reset/confirm/', { body: { new_password: 'xqz' } })
    expect([answer.status, answer.body.email, answer.body.code]).toEqual([
      400,
      ['This field is required.'],
      ['This field is required.'],
    ])
    expect(answer.body.new_password).toHaveLength(3)
  })

  it('is not looked at while the password is at fault: that fault says nothing about it', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    const { token } = await resetMail(world, user)
    const [right, wrong] = [
      await confirmReset(world, { token }, 'xqz'),
      await confirmReset(world, { token: 'x' }, 'xqz'),
    ]
    expect({ ...right.body, request_id: '' }).toEqual({ ...wrong.body, request_id: '' })
    expect((await confirmReset(world, { token })).status).toBe(204)
  })

  it('is not used up by a password that repeats what the account knows of its owner', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    await world.call('PATCH', '/api/users/me/', { token: user.access, body: { first_name: NEW_PASSWORD } })
    const { token } = await resetMail(world, user)
    const answer = await confirmReset(world, { token })
    expect(answer.body.new_password).toEqual([expect.stringContaining('your name')])
    expect((await confirmReset(world, { token }, 'Third-Horse-9')).status).toBe(204)
  })

  it('costs a hash where it is right, and none where it is wrong', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    const { token } = await resetMail(world, user)
    expect(await hashesOf(world, () => confirmReset(world, { token: 'A'.repeat(22) }))).toBe(0)
    expect(await hashesOf(world, () => confirmReset(world, { token }))).toBe(1)
  })

  // The owner's code has no tries to spend: whoever guesses is held back by where he comes from.
  it('stays good for its owner, whatever strangers try: two hundred wrong codes and tokens', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const user = await world.signedInUser()
    const { code } = await resetMail(world, user)
    const wrong = await inTurn(200, (index) => {
      const guess = String(index).padStart(12, '0')
      return confirmReset(world, index % 2 === 0 ? { token: guess } : { email: user.email, code: guess })
    })
    expect(statuses(wrong)).toEqual({ 400: 200 })
    expect((await confirmReset(world, { email: user.email, code })).status).toBe(204)
  })

  it('is tried twenty times a minute from one address, and from another all the same', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    const { token } = await resetMail(world, user)
    const tries = await inTurn(25, () =>
      world.call('POST', '/api/password/reset/confirm/', {
        from: '203.0.113.9',
        body: { email: user.email, code: 'AAAA-BBBB-CCCC', new_password: NEW_PASSWORD },
      }),
    )
    expect(statuses(tries)).toEqual({ 400: 20, 429: 5 })
    expect((await confirmReset(world, { token })).status).toBe(204)
  })

  it('leaves the second factors of an account whose address was proven before', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    await verifyCode(world, user, await codeFor(world, user))
    const twoFactorSince = world.clock.now()
    await world.latchkey.foundation.db.updateTable('users').set({ twoFactorSince, phone: '+989123456789' }).execute()
    await confirmReset(world, await resetMail(world, user))
    expect(await rowOf(world, user.id)).toMatchObject({ twoFactorSince, phone: '+989123456789' })
    const { body } = await world.signIn({ email: user.email, password: NEW_PASSWORD })
    expect(body.second_factor).toMatchObject({ required: true })
  })
})
