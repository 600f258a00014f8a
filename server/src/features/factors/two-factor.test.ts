import { describe, expect, it } from 'vitest'
import { codeFor, PHONE, setPhone, verifyCode } from '../../../test/codes.ts'
import {
  makeRecoveryCodes,
  noticesTo,
  readFactors,
  recordedOf,
  removeApp,
  setTwoFactor,
  signInWithApp,
  succeeded,
  verifiedUser,
  withApp,
  withTwoFactors,
} from '../../../test/factors.ts'
import { UNLIMITED } from '../../../test/unlimited.ts'
import { createWorld, type SignedIn, type World } from '../../../test/world.ts'
import { minutes } from '../../kernel/duration.ts'

const me = async (world: World, { access: token }: Pick<SignedIn, 'access'>) =>
  (await world.call('GET', '/api/users/me/', { token })).body

const isLive = async (world: World, { access: token }: Pick<SignedIn, 'access'>) =>
  (await world.call('GET', '/api/users/me/', { token })).status === 200

const another = async (world: World, user: SignedIn): Promise<SignedIn> => ({
  ...user,
  ...succeeded(await world.signIn(user)).body,
})

const takeRecovery = async (world: World, user: SignedIn, code: string) => {
  const { access: token } = succeeded(await world.signIn(user)).body
  return world.call('POST', '/api/recovery-codes/verify/', { token, body: { code } })
}

describe('two factors are turned on', () => {
  it('so that a password alone opens nothing, which is told and put on record', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const user = await verifiedUser(world)
    expect((await me(world, user)).two_factor).toBe(false)
    const answer = await setTwoFactor(world, user, true)
    expect([answer.status, answer.body.enabled]).toEqual([200, true])
    expect(new Set(answer.body.recovery_codes).size).toBe(10)
    expect((await me(world, user)).two_factor).toBe(true)
    const { access, second_factor: secondFactor } = (await world.signIn(user)).body
    expect(secondFactor).toEqual({ required: true, methods: ['email', 'recovery_code'] })
    expect(await isLive(world, { access })).toBe(false)
    expect(await noticesTo(world, user.email)).toEqual(['two_factor_on'])
    expect(await recordedOf(world, user.id, ['two_factor_on', 'recovery_codes_made'])).toEqual([
      'recovery_codes_made: success',
      'two_factor_on: success',
    ])
    expect((await takeRecovery(world, user, answer.body.recovery_codes[0])).status).toBe(200)
  })

  it('which ends every other session that passed no second factor, and no other', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const user = await verifiedUser(world)
    world.clock.turn(minutes(1))
    const passed = await another(world, user)
    await verifyCode(world, passed, await codeFor(world, passed))
    const password = await another(world, user)
    await withTwoFactors(world, user)
    const live = await Promise.all([user, passed, password].map((session) => isLive(world, session)))
    expect(live).toEqual([true, true, false])
  })

  it('which ends every sign-in that waits for something else', async () => {
    const world = await createWorld({ settings: { ...UNLIMITED, REQUIRE_VERIFIED: 'email' } })
    const { id, email, password } = await registered(world)
    const { access: waiting } = (await world.signIn({ email, password })).body
    const { access, refresh } = await passVerification(world, { email, password })
    await withTwoFactors(world, { id, email, password, access, refresh })
    const code = await world.call('POST', '/api/otp/send/', { token: waiting, body: { email_or_phone: 'email' } })
    expect(code.status).toBe(401)
  })

  it('once: asked again, nothing changes and nothing is told', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const user = await verifiedUser(world)
    const [first] = await withTwoFactors(world, user)
    const { secret } = await withApp(world, user)
    const passed = await signInWithApp(world, user, secret, 1)
    expect((await setTwoFactor(world, user, true)).text).toBe('{"enabled":true}')
    expect(await isLive(world, passed)).toBe(true)
    expect((await takeRecovery(world, user, first!)).body.code).toBe('recovery_code_invalid')
    expect(await noticesTo(world, user.email)).toEqual(['totp_added', 'two_factor_on'])
  })

  it('with one set of recovery codes for twenty who ask at once', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const user = await verifiedUser(world)
    const answers = await Promise.all(Array.from({ length: 20 }, () => setTwoFactor(world, user, true)))
    for (const { status, body } of answers) expect([status, body.enabled]).toEqual([200, true])
    const given = answers.filter(({ body }) => 'recovery_codes' in body)
    expect(given).toHaveLength(1)
    expect((await readFactors(world, user)).recovery_codes).toEqual({ left: 10 })
    expect((await takeRecovery(world, user, given[0]?.body.recovery_codes[9])).status).toBe(200)
  })
})

describe('two factors are not turned on', () => {
  it('before the e-mail is verified, a verified phone or not', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const user = await world.signedInUser()
    await setPhone(world, user)
    await verifyCode(world, user, await codeFor(world, user, 'phone', PHONE))
    const answer = await setTwoFactor(world, user, true)
    expect([answer.status, answer.body.code]).toEqual([403, 'email_not_verified'])
  })

  it('without a factor, where e-mail is none', async () => {
    const world = await createWorld({ settings: { ...UNLIMITED, EMAIL_AS_SECOND_FACTOR: 'false' } })
    const user = await verifiedUser(world)
    await makeRecoveryCodes(world, user)
    const answer = await setTwoFactor(world, user, true)
    expect([answer.status, answer.body.code]).toEqual([409, 'no_usable_factor'])
    expect((await me(world, user)).two_factor).toBe(false)
    await withApp(world, user)
    expect((await setTwoFactor(world, user, true)).status).toBe(200)
  })

  it('where the only factor is the only first step as well', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const user = await verifiedUser(world)
    const { db } = world.latchkey.foundation
    await db.updateTable('users').set({ passwordHash: '!' }).where('id', '=', user.id).execute()
    const answer = await setTwoFactor(world, user, true)
    expect([answer.status, answer.body.code]).toEqual([409, 'no_usable_factor'])
  })

  it('or off by a sign-in older than ten minutes', async () => {
    const world = await createWorld()
    const user = await verifiedUser(world)
    world.clock.turn(minutes(10))
    for (const enabled of [true, false]) {
      const answer = await setTwoFactor(world, user, enabled)
      expect([answer.status, answer.body.code]).toEqual([403, 'reauthentication_required'])
    }
  })

  it.each([
    [undefined, 'This field is required.'],
    [null, 'This field may not be null.'],
    ['true', 'Must be a valid boolean.'],
    [1, 'Must be a valid boolean.'],
  ])('by %j', async (enabled, fault) => {
    const world = await createWorld()
    const answer = await setTwoFactor(world, await verifiedUser(world), enabled)
    expect([answer.status, answer.body.enabled]).toEqual([400, [fault]])
  })
})

describe('two factors are turned off', () => {
  it('by a session that passed one, which is told and put on record', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const user = await verifiedUser(world)
    const { secret } = await withApp(world, user)
    await withTwoFactors(world, user)
    const passed = await signInWithApp(world, user, secret, 1)
    expect((await setTwoFactor(world, passed, false)).text).toBe('{"enabled":false}')
    expect((await world.signIn(user)).body).not.toHaveProperty('second_factor')
    expect((await me(world, passed)).two_factor).toBe(false)
    expect(await noticesTo(world, user.email)).toContain('two_factor_off')
    expect(await recordedOf(world, user.id, ['two_factor_off'])).toEqual(['two_factor_off: success'])
    expect((await readFactors(world, passed)).totp).not.toBeNull()
  })

  it('not by one that passed none, be it the one that turned them on', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const user = await verifiedUser(world)
    await withApp(world, user)
    await withTwoFactors(world, user)
    const answer = await setTwoFactor(world, user, false)
    expect([answer.status, answer.body.code, answer.body.methods]).toEqual([
      403,
      'second_factor_required',
      ['totp', 'email', 'recovery_code'],
    ])
    expect((await me(world, user)).two_factor).toBe(true)
  })

  it('once that session proves a factor when it reauthenticates', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const user = await verifiedUser(world)
    const [code] = await withTwoFactors(world, user)
    const { body } = succeeded(
      await world.call('POST', '/api/token/reauthenticate/', {
        token: user.access,
        body: { password: user.password, method: 'recovery_code', code },
      }),
    )
    expect((await setTwoFactor(world, body, false)).body).toEqual({ enabled: false })
  })

  it('where they are off already, with nothing told', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const user = await verifiedUser(world)
    expect((await setTwoFactor(world, user, false)).text).toBe('{"enabled":false}')
    expect(await noticesTo(world, user.email)).toEqual([])
  })

  it('or their last factor is removed first: never are they on without any', async () => {
    const world = await createWorld({ settings: { ...UNLIMITED, EMAIL_AS_SECOND_FACTOR: 'false' } })
    const user = await verifiedUser(world)
    const { secret } = await withApp(world, user)
    await withTwoFactors(world, user)
    const passed = await signInWithApp(world, user, secret, 1)
    const acts = [removeApp, (world: World, user: SignedIn) => setTwoFactor(world, user, false), removeApp]
    const answers = await Promise.all(acts.map((act) => act(world, passed)))
    expect(answers.map(({ status }) => status)).not.toContain(500)
    const { two_factor: isOn, totp } = await readFactors(world, passed)
    expect(isOn && totp === null).toBe(false)
  })
})

describe('what a user can prove himself by', () => {
  it('is nothing at first', async () => {
    const world = await createWorld()
    expect(await readFactors(world, await world.signedInUser())).toEqual({
      two_factor: false,
      email: { verified: false, second_factor: false },
      phone: { verified: false, second_factor: false, sign_in: false },
      totp: null,
      passkeys: [],
      recovery_codes: { left: 0 },
    })
  })

  it('is told in full', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const user = await verifiedUser(world)
    await setPhone(world, user)
    await verifyCode(world, user, await codeFor(world, user, 'phone', PHONE))
    await withApp(world, user)
    await withTwoFactors(world, user)
    const { db } = world.latchkey.foundation
    const now = world.clock.now()
    const set = { phoneSignInSince: now, passwordResetAt: now }
    await db.updateTable('users').set(set).where('id', '=', user.id).execute()
    expect(await readFactors(world, user)).toEqual({
      two_factor: true,
      // The password was reset by e-mail since, and there are other factors.
      email: { verified: true, second_factor: false },
      phone: { verified: true, second_factor: true, sign_in: true },
      totp: { confirmed_at: now.toISOString() },
      passkeys: [],
      recovery_codes: { left: 10 },
    })
  })
})

describe('new recovery codes', () => {
  it('make the old ones void, which is told', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const user = await verifiedUser(world)
    const [old] = await withTwoFactors(world, user)
    const made = await makeRecoveryCodes(world, user)
    expect([made.status, made.body.recovery_codes.length]).toEqual([200, 10])
    expect((await takeRecovery(world, user, old!)).body.code).toBe('recovery_code_invalid')
    expect((await takeRecovery(world, user, made.body.recovery_codes[0])).status).toBe(200)
    expect((await readFactors(world, user)).recovery_codes).toEqual({ left: 9 })
    expect(await noticesTo(world, user.email)).toEqual(['recovery_code_used', 'recovery_codes_made', 'two_factor_on'])
  })

  it('need a verified e-mail and a fresh sign-in', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    expect((await makeRecoveryCodes(world, user)).body.code).toBe('email_not_verified')
    world.clock.turn(minutes(10))
    expect((await makeRecoveryCodes(world, user)).body.code).toBe('reauthentication_required')
  })
})

async function registered(world: World, email = 'sara@example.com', password = 'Correct-Horse-7') {
  const { body } = succeeded(await world.call('POST', '/api/users/', { body: { email, password } }))
  return { id: body.id as number, email, password }
}

/** The tokens of a sign-in whose second step was the first proof of its e-mail. */
async function passVerification(world: World, user: { email: string; password: string }) {
  const { access: token } = succeeded(await world.signIn(user)).body
  succeeded(await world.call('POST', '/api/otp/send/', { token, body: { email_or_phone: 'email' } }))
  const code = await world.codeTo(user.email)
  return succeeded(await world.call('POST', '/api/otp/verify/', { token, body: { code } })).body
}
