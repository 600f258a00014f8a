import { describe, expect, it } from 'vitest'
import { otherCodes, PHONE, RIGHT, said, sendCode, verifyCode, WRONG } from '../../../test/codes.ts'
import { succeeded } from '../../../test/factors.ts'
import { assuranceOf, beginSignIn, codeOf, meBy, passByApp, passByRecoveryCode } from '../../../test/second-step.ts'
import { UNLIMITED } from '../../../test/unlimited.ts'
import { atOnce, readToken, sessionOf } from '../../../test/wire.ts'
import { createWorld, PASSWORD, type World } from '../../../test/world.ts'

const createRequiringWorld = (required: string) =>
  createWorld({ settings: { ...UNLIMITED, REQUIRE_VERIFIED: required } })

/** Somebody who has verified nothing. */
async function register(world: World, email = 'sara@example.com', set: object = {}) {
  const { body } = succeeded(await world.call('POST', '/api/users/', { body: { email, password: PASSWORD } }))
  const { db } = world.latchkey.foundation
  if (Object.keys(set).length > 0) await db.updateTable('users').set(set).where('id', '=', body.id).execute()
  return { id: body.id as number, email, password: PASSWORD }
}

const userRow = (world: World, id: number) =>
  world.latchkey.foundation.db.selectFrom('users').selectAll().where('id', '=', id).executeTakeFirstOrThrow()

const THEN = new Date('2026-01-01T00:00:00Z')
const PHONE_ON_FILE = { phone: PHONE }
const PHONE_VERIFIED = { phone: PHONE, phoneVerifiedAt: THEN }
const EMAIL_VERIFIED = { emailVerifiedAt: THEN }

describe('REQUIRE_VERIFIED', () => {
  it.each([
    ['none', {}, undefined],
    ['email', {}, ['email']],
    ['email', PHONE_VERIFIED, ['email']],
    ['email', EMAIL_VERIFIED, undefined],
    ['any', {}, ['email']],
    ['any', PHONE_ON_FILE, ['email', 'phone']],
    ['any', PHONE_VERIFIED, undefined],
    ['any', EMAIL_VERIFIED, undefined],
  ])('%s: a sign-in of someone with %j asks for %j', async (required, set, methods) => {
    const world = await createRequiringWorld(required)
    const { body } = succeeded(await world.signIn(await register(world, 'sara@example.com', set)))
    expect(body.second_factor?.methods).toEqual(methods)
    expect(readToken(body.access).payload['token_type']).toBe(methods ? 'second_factor' : 'access')
  })

  it.each(['email', 'phone'] as const)(
    'a code by %s verifies the channel and opens the session, of one factor',
    async (channel) => {
      const world = await createRequiringWorld('any')
      const user = await register(world, 'sara@example.com', PHONE_ON_FILE)
      const candidate = await beginSignIn(world, user)
      expect(await meBy(world, candidate.access)).toEqual([401, 'token_not_valid'])
      succeeded(await sendCode(world, candidate, channel))
      const code = await world.codeTo(channel === 'email' ? user.email : PHONE)
      const { body } = succeeded(await verifyCode(world, candidate, code))
      expect(Object.keys(body)).toEqual(['status', 'access', 'refresh'])
      expect(assuranceOf(body)).toEqual({ acr: 'aal1', amr: ['pwd'] })
      const { payload } = readToken(body.access)
      expect([payload['email_verified'], payload['phone_verified']]).toEqual([channel === 'email', channel === 'phone'])
      const row = await userRow(world, user.id)
      const now = world.clock.now()
      expect([row.emailVerifiedAt, row.emailFirstProvenAt]).toEqual(channel === 'email' ? [now, now] : [null, null])
      expect(row.phoneVerifiedAt).toEqual(channel === 'phone' ? now : null)
      expect(await sessionOf(world, body.access)).toMatchObject({
        emailProvenAt: channel === 'email' ? now : null,
        phoneProvenAt: channel === 'phone' ? now : null,
      })
    },
  )

  it('is asked for once: the next sign-in opens a session', async () => {
    const world = await createRequiringWorld('email')
    const user = await register(world)
    const candidate = await beginSignIn(world, user)
    succeeded(await sendCode(world, candidate))
    succeeded(await verifyCode(world, candidate, await world.codeTo(user.email)))
    expect((await world.signIn(user)).body.second_factor).toBeUndefined()
  })

  it('takes a code of the step and nothing else', async () => {
    const world = await createRequiringWorld('email')
    const user = await register(world, 'sara@example.com', PHONE_ON_FILE)
    const candidate = await beginSignIn(world, user)
    expect(codeOf(await passByApp(world, candidate, '123456'))).toEqual([403, 'permission_denied'])
    expect(codeOf(await passByRecoveryCode(world, candidate, 'AAAA-AAAA-AAAA-AAAA'))).toEqual([
      403,
      'permission_denied',
    ])
    expect(codeOf(await sendCode(world, candidate, 'phone'))).toEqual([403, 'permission_denied'])
    succeeded(await sendCode(world, candidate))
    const code = await world.codeTo(user.email)
    expect(said(await verifyCode(world, candidate, otherCodes(1, code)[0]))).toEqual(WRONG)
    expect(said(await verifyCode(world, await beginSignIn(world, user), code))).toEqual(WRONG)
    expect(said(await verifyCode(world, candidate, code))).toEqual(RIGHT)
  })

  it('says that a phone is not on file, and that a channel is verified already', async () => {
    const world = await createRequiringWorld('email')
    const [without, verified] = [await register(world), await register(world, 'zari@example.com', PHONE_VERIFIED)]
    const none = await sendCode(world, await beginSignIn(world, without), 'phone')
    expect(said(none)).toEqual([400, 'User Phone Number has not submited', 'phone_not_submitted'])
    const already = await sendCode(world, await beginSignIn(world, verified), 'phone')
    expect(said(already)).toEqual([400, 'User already is verified', 'already_verified'])
  })

  it('refuses a number that another user has verified, after the right code and not before; another channel is left', async () => {
    const world = await createRequiringWorld('any')
    await register(world, 'first@example.com', PHONE_VERIFIED)
    const user = await register(world, 'sara@example.com', PHONE_ON_FILE)
    const candidate = await beginSignIn(world, user)
    succeeded(await sendCode(world, candidate, 'phone'))
    const code = await world.codeTo(PHONE)
    expect(said(await verifyCode(world, candidate, otherCodes(1, code)[0]))).toEqual(WRONG)
    expect(codeOf(await verifyCode(world, candidate, code))).toEqual([409, 'phone_in_use'])
    expect(said(await verifyCode(world, candidate, code))).toEqual(WRONG)
    succeeded(await sendCode(world, candidate))
    expect(said(await verifyCode(world, candidate, await world.codeTo(user.email)))).toEqual(RIGHT)
  })

  it('counts by a stranger’s budget, and locks as verification does', async () => {
    const world = await createWorld({
      settings: { ...UNLIMITED, REQUIRE_VERIFIED: 'email', THROTTLE_OTP_VERIFY: '100000/min' },
    })
    const user = await register(world)
    const row = { userId: user.id, method: 'email', purpose: 'verification', failures: 99 } as const
    await world.latchkey.foundation.db.insertInto('factorFailures').values(row).execute()
    const candidate = await beginSignIn(world, user)
    succeeded(await sendCode(world, candidate))
    const code = await world.codeTo(user.email)
    expect(said(await verifyCode(world, candidate, otherCodes(1, code)[0]))).toEqual(WRONG)
    expect(said(await verifyCode(world, candidate, code))).toEqual(WRONG)
    expect(codeOf(await sendCode(world, await beginSignIn(world, user)))).toEqual([403, 'channel_locked'])
    const locks = await world.latchkey.foundation.db
      .selectFrom('auditEvents')
      .select('details')
      .where('type', '=', 'method_locked')
      .execute()
    expect(locks).toEqual([{ details: '{"method":"email","purpose":"verification"}' }])
  })

  it('opens one session for twenty right codes at once', async () => {
    const world = await createRequiringWorld('email')
    const user = await register(world)
    const candidate = await beginSignIn(world, user)
    succeeded(await sendCode(world, candidate))
    const code = await world.codeTo(user.email)
    const answers = await atOnce(20, () => verifyCode(world, candidate, code))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(await world.latchkey.foundation.db.selectFrom('sessions').select('id').execute()).toHaveLength(1)
  })

  it('is the second factor’s business where two factors are on', async () => {
    const world = await createRequiringWorld('email')
    const user = await register(world, 'sara@example.com', { ...PHONE_VERIFIED, twoFactorSince: THEN })
    expect((await beginSignIn(world, user)).methods).toEqual(['phone'])
  })
})
