import { describe, expect, it } from 'vitest'
import { move } from '../../../test/changes.ts'
import { codeFor, PHONE, RIGHT, said, sendCode, setPhone, verifyCode, WRONG } from '../../../test/codes.ts'
import { succeeded, verifiedUser, withApp, withTwoFactors } from '../../../test/factors.ts'
import { temporaryFolder } from '../../../test/database.ts'
import { confirmReset, NEW_PASSWORD, resetMail } from '../../../test/passwords.ts'
import {
  assuranceOf,
  beginSignIn,
  codeOf,
  fortified,
  passByApp,
  passByRecoveryCode,
} from '../../../test/second-step.ts'
import { UNLIMITED } from '../../../test/unlimited.ts'
import { inTurn, sessionOf } from '../../../test/wire.ts'
import { createWorld, type SignedIn, type World } from '../../../test/world.ts'
import { minutes, seconds } from '../../kernel/duration.ts'

const NO_FACTOR = 'This method proves nothing here: it is no second factor of this account, or was the first one.'

async function setUser(world: World, { id }: Pick<SignedIn, 'id'>, set: object): Promise<void> {
  await world.latchkey.foundation.db.updateTable('users').set(set).where('id', '=', id).execute()
}

describe('a code for the second step', () => {
  it('goes to a verified channel alone', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const user = await verifiedUser(world)
    await withTwoFactors(world, user)
    const candidate = await beginSignIn(world, user)
    const none = await sendCode(world, candidate, 'phone')
    expect(said(none)).toEqual([400, 'User Phone Number has not submited', 'phone_not_submitted'])
    await setUser(world, user, { phone: PHONE })
    const unverified = await sendCode(world, candidate, 'phone')
    expect([...codeOf(unverified), unverified.body.detail]).toEqual([403, 'permission_denied', NO_FACTOR])
    expect(await world.inbox(PHONE)).toEqual([])
    expect(succeeded(await sendCode(world, candidate, 'email')).body).toEqual({ status: 'code has been sent to user' })
  })

  it('goes to the verified address and never to the one that is to take its place', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const { user } = await fortified(world)
    await setUser(world, user, { pendingEmail: 'new@example.com', pendingPhone: '+989351234567' })
    const candidate = await beginSignIn(world, user)
    for (const channel of ['email', 'phone'] as const) succeeded(await sendCode(world, candidate, channel))
    expect(await world.inbox('new@example.com')).toEqual([])
    expect(await world.inbox('+989351234567')).toEqual([])
    expect(said(await verifyCode(world, candidate, await world.codeTo(PHONE)))).toEqual(RIGHT)
  })

  it('says in its mail that somebody gave the password', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const { user } = await fortified(world)
    succeeded(await sendCode(world, await beginSignIn(world, user)))
    const [mail] = await world.inbox(user.email)
    expect(mail?.subject).toMatch(/sign in|sign-in|second/i)
  })

  it('proves that channel for the session it opens', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const { user } = await fortified(world)
    const candidate = await beginSignIn(world, user)
    succeeded(await sendCode(world, candidate))
    const { body } = succeeded(await verifyCode(world, candidate, await world.codeTo(user.email)))
    const again = await sendCode(world, body)
    expect(said(again)).toEqual([400, 'User already is verified', 'already_verified'])
    expect(await sessionOf(world, body.access)).toMatchObject({ emailProvenAt: world.clock.now(), phoneProvenAt: null })
  })

  it('is good in that sign-in alone: not in another, and not in a session', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const { user } = await fortified(world)
    const [one, other] = [await beginSignIn(world, user), await beginSignIn(world, user)]
    succeeded(await sendCode(world, one))
    const code = await world.codeTo(user.email)
    expect(said(await verifyCode(world, other, code))).toEqual(WRONG)
    expect((await verifyCode(world, user, code)).status).toBe(400)
    expect(said(await verifyCode(world, one, code))).toEqual(RIGHT)
  })

  it('of a session passes no second step', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const { user, nextAppCode } = await fortified(world)
    const { body: session } = succeeded(await passByApp(world, await beginSignIn(world, user), nextAppCode()))
    const code = await codeFor(world, { ...user, ...session })
    expect(said(await verifyCode(world, await beginSignIn(world, user), code))).toEqual(WRONG)
  })

  it('waits for the cooldown, and is limited for each address', async () => {
    const world = await createWorld({ settings: { ...UNLIMITED, THROTTLE_OTP_SEND: '1000/min' } })
    const { user } = await fortified(world)
    const candidate = await beginSignIn(world, user)
    succeeded(await sendCode(world, candidate))
    const soon = await sendCode(world, candidate)
    expect([...codeOf(soon), soon.headers['retry-after']]).toEqual([429, 'throttled', '60'])
    const answers = await inTurn(5, async () => sendCode(world, await beginSignIn(world, user)))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 429])
  })

  it('is none any more once its address was changed', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const { user } = await fortified(world)
    const candidate = await beginSignIn(world, user)
    succeeded(await sendCode(world, candidate))
    const code = await world.codeTo(user.email)
    await setUser(world, user, { email: 'new@example.com', emailKey: 'new@example.com' })
    expect(said(await verifyCode(world, candidate, code))).toEqual(WRONG)
  })

  it('goes to the new address once a change was completed', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const { user } = await fortified(world)
    await move(world, user, { email: 'new@example.com' })
    const candidate = await beginSignIn(world, { ...user, email: 'new@example.com' })
    succeeded(await sendCode(world, candidate))
    expect(said(await verifyCode(world, candidate, await world.codeTo('new@example.com')))).toEqual(RIGHT)
  })
})

describe('EMAIL_AS_SECOND_FACTOR off', () => {
  it('makes a code by e-mail no second factor, and leaves it a proof of the address', async () => {
    const world = await createWorld({ settings: { ...UNLIMITED, EMAIL_AS_SECOND_FACTOR: 'false' } })
    const { user } = await fortified(world)
    const candidate = await beginSignIn(world, user)
    expect(candidate.methods).toEqual(['totp', 'phone', 'recovery_code'])
    expect(codeOf(await sendCode(world, candidate))).toEqual([403, 'permission_denied'])
    const plain = await world.signedInUser()
    expect(said(await verifyCode(world, plain, await codeFor(world, plain)))).toEqual(RIGHT)
  })

  it('takes no code that was sent before it was turned off', async () => {
    const folder = temporaryFolder()
    const open = (setting: string) =>
      createWorld({
        settings: { ...UNLIMITED, DATA_DIR: folder, EMAIL_AS_SECOND_FACTOR: setting },
        compose: { inMemory: false },
      })
    const before = await open('true')
    const { user } = await fortified(before)
    const candidate = await beginSignIn(before, user)
    succeeded(await sendCode(before, candidate))
    const code = await before.codeTo(user.email)
    await before.latchkey.close()
    expect(said(await verifyCode(await open('false'), candidate, code))).toEqual(WRONG)
  })
})

describe('after a reset by e-mail', () => {
  async function resetOwner(world: World) {
    const owner = await fortified(world)
    const { token } = await resetMail(world, owner.user)
    succeeded(await confirmReset(world, { token }))
    return { ...owner, user: { ...owner.user, password: NEW_PASSWORD } }
  }

  it.each(['totp', 'phone', 'recovery_code'] as const)(
    'a code by e-mail is no second factor until another has succeeded: %s',
    async (method) => {
      const world = await createWorld({ settings: UNLIMITED })
      const { user, nextAppCode, recoveryCodes } = await resetOwner(world)
      const candidate = await beginSignIn(world, user)
      expect(candidate.methods).toEqual(['totp', 'phone', 'recovery_code'])
      expect(codeOf(await sendCode(world, candidate))).toEqual([403, 'permission_denied'])
      if (method === 'phone') succeeded(await sendCode(world, candidate, 'phone'))
      const pass = {
        totp: () => passByApp(world, candidate, nextAppCode()),
        phone: async () => verifyCode(world, candidate, await world.codeTo(PHONE)),
        recovery_code: () => passByRecoveryCode(world, candidate, recoveryCodes[0]),
      }
      succeeded(await pass[method]())
      expect((await beginSignIn(world, user)).methods).toContain('email')
    },
  )

  it('recovery codes are another factor, and whoever has only the mailbox has none of them', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const user = await verifiedUser(world)
    const [recoveryCode] = await withTwoFactors(world, user)
    const { token } = await resetMail(world, user)
    succeeded(await confirmReset(world, { token }))
    const owner = { ...user, password: NEW_PASSWORD }
    const candidate = await beginSignIn(world, owner)
    expect(candidate.methods).toEqual(['recovery_code'])
    expect(codeOf(await sendCode(world, candidate))).toEqual([403, 'permission_denied'])
    succeeded(await passByRecoveryCode(world, candidate, recoveryCode))
    expect((await beginSignIn(world, owner)).methods).toEqual(['email', 'recovery_code'])
  })

  it('nothing is held against the mailbox where two factors are turned on only later', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const user = await verifiedUser(world)
    const { token } = await resetMail(world, user)
    succeeded(await confirmReset(world, { token }))
    const signedIn = await world.signIn({ ...user, password: NEW_PASSWORD })
    await withTwoFactors(world, { ...user, ...signedIn.body })
    const { methods } = await beginSignIn(world, { ...user, password: NEW_PASSWORD })
    expect(methods).toEqual(['email', 'recovery_code'])
  })

  it('that code stays one for who has no other', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const user = await verifiedUser(world)
    await withTwoFactors(world, user)
    await world.latchkey.foundation.db.deleteFrom('recoveryCodes').execute()
    const { token } = await resetMail(world, user)
    succeeded(await confirmReset(world, { token }))
    const candidate = await beginSignIn(world, { ...user, password: NEW_PASSWORD })
    expect(candidate.methods).toContain('email')
    succeeded(await sendCode(world, candidate))
    const passed = succeeded(await verifyCode(world, candidate, await world.codeTo(user.email)))
    expect(assuranceOf(passed.body).acr).toBe('aal2')
    await withApp(world, { ...user, ...passed.body })
    // The mailbox alone has set the password and passed the step: it counts for nothing once there is another factor.
    expect((await beginSignIn(world, { ...user, password: NEW_PASSWORD })).methods).toEqual(['totp', 'recovery_code'])
  })

  it('the first proof of a phone is no factor that has succeeded', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const { user, nextAppCode } = await resetOwner(world)
    await setUser(world, user, { phoneVerifiedAt: null })
    const { body: session } = succeeded(await passByApp(world, await beginSignIn(world, user), nextAppCode()))
    await setUser(world, user, { passwordResetAt: world.clock.now() })
    world.clock.turn(minutes(1))
    succeeded(await setPhone(world, session))
    succeeded(await verifyCode(world, session, await codeFor(world, { ...user, ...session }, 'phone')))
    world.clock.turn(seconds(1))
    expect((await beginSignIn(world, user)).methods).not.toContain('email')
  })
})
