import { describe, expect, it } from 'vitest'
import { createSoftPasskey } from '../../../test/authenticator.ts'
import { otherCodes, PHONE, said, sendCode, verifyCode, WRONG } from '../../../test/codes.ts'
import { beginApp, succeeded, verifiedUser, withApp, wrongAppCode } from '../../../test/factors.ts'
import { register, userWithPasskey } from '../../../test/passkeys.ts'
import {
  assuranceOf,
  beginSignIn,
  codeOf,
  type Fortified,
  fortified,
  passByApp,
  recordOf,
} from '../../../test/second-step.ts'
import { UNLIMITED } from '../../../test/unlimited.ts'
import { readToken, sessionOf } from '../../../test/wire.ts'
import { type Answer, createWorld, type SignedIn, type World } from '../../../test/world.ts'
import { minutes, seconds } from '../../kernel/duration.ts'

const reauthenticate = (world: World, { access: token }: Pick<SignedIn, 'access'>, body: unknown) =>
  world.call('POST', '/api/token/reauthenticate/', { token, body })

const options = async (world: World, { access: token }: Pick<SignedIn, 'access'>) =>
  succeeded(await world.call('POST', '/api/token/reauthenticate/options/', { token })).body

const askForCode = (world: World, { access: token }: Pick<SignedIn, 'access'>, channel: 'email' | 'phone') =>
  world.call('POST', '/api/otp/send/', { token, body: { email_or_phone: channel, purpose: 'reauthentication' } })

/** Whether a token is fresh: whether it may begin an authenticator app. */
const isFresh = async (world: World, token: { access: string }) => (await beginApp(world, token)).status === 200

const authTimeOf = (access: string) => Number(readToken(access).payload['auth_time'])
const epoch = (moment: Date) => Math.floor(moment.getTime() / 1000)

describe('reauthenticating by the password', () => {
  it('gives a fresh token, and that token alone is fresh', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const user = await verifiedUser(world)
    world.clock.turn(minutes(10))
    expect(codeOf(await beginApp(world, user))).toEqual([403, 'reauthentication_required'])
    const { status, body } = await reauthenticate(world, user, { password: user.password })
    expect([status, Object.keys(body)]).toEqual([200, ['access']])
    expect(await isFresh(world, body)).toBe(true)
    expect(await isFresh(world, user)).toBe(false)
    expect(authTimeOf(body.access)).toBe(epoch(world.clock.now()))
    expect(authTimeOf(user.access)).toBe(epoch(world.clock.now()) - 600)
    world.clock.turn(minutes(10))
    expect(await isFresh(world, body)).toBe(false)
  })

  it('goes on in the same session, of the same assurance', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const user = await verifiedUser(world)
    world.clock.turn(minutes(5))
    const { body } = await reauthenticate(world, user, { password: user.password })
    expect(readToken(body.access).payload['sid']).toBe(readToken(user.access).payload['sid'])
    expect(assuranceOf(body)).toEqual({ acr: 'aal1', amr: ['pwd'] })
    expect(await sessionOf(world, body.access)).toMatchObject({ authenticatedAt: world.clock.now(), generation: 0 })
    const next = succeeded(await world.call('POST', '/api/token/refresh/', { body: { refresh: user.refresh } }))
    expect(authTimeOf(next.body.access)).toBe(epoch(world.clock.now()))
    expect(await recordOf(world, user.id)).toContainEqual(
      expect.stringMatching(/^reauthenticated .*"methods":\["password"\]/),
    )
  })

  it('refuses a wrong one as a field at fault', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    const answer = await reauthenticate(world, user, { password: 'Wrong-Horse-7' })
    expect([...codeOf(answer), answer.body.password]).toEqual([400, 'invalid', ['This is not your password.']])
    expect(await recordOf(world, user.id)).toContain('reauthentication_failed {"methods":["password"]}')
    expect((await sessionOf(world, user.access))?.authenticatedAt).toEqual(world.clock.now())
  })

  it('needs it, as text', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    expect((await reauthenticate(world, user, {})).body.password).toEqual(['This field is required.'])
    expect((await reauthenticate(world, user, { password: '' })).body.password).toEqual([
      'This field may not be blank.',
    ])
    expect((await reauthenticate(world, user, { password: 1 })).body.password).toEqual(['Not a valid string.'])
    const badMethod = await reauthenticate(world, user, { password: user.password, method: 'fax', code: '1' })
    expect(badMethod.body.method).toEqual(['"fax" is not a valid choice.'])
    const noCode = await reauthenticate(world, user, { password: user.password, method: 'totp' })
    expect(noCode.body.code).toEqual(['This field is required.'])
    const badCode = await reauthenticate(world, user, { password: user.password, method: 'totp', code: '12' })
    expect(badCode.body.code).toEqual(['A code is six digits.'])
  })

  it('is for who is signed in: no one, a candidate or a bad token', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const { user } = await fortified(world)
    const candidate = await beginSignIn(world, user)
    const { password } = user
    const anonymous = await world.call('POST', '/api/token/reauthenticate/', { body: { password } })
    expect(codeOf(anonymous)).toEqual([401, 'not_authenticated'])
    for (const access of [candidate.access, 'junk']) {
      expect(codeOf(await reauthenticate(world, { access }, { password }))).toEqual([401, 'token_not_valid'])
    }
  })
})

describe('reauthenticating with two factors on', () => {
  it('says which factors the password lacks, before it looks at the password', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const { user } = await fortified(world)
    for (const password of [user.password, 'Wrong-Horse-7']) {
      const answer = await reauthenticate(world, user, { password })
      expect(codeOf(answer)).toEqual([403, 'second_factor_required'])
      expect(answer.body.methods).toEqual(['totp', 'phone', 'email', 'recovery_code'])
    }
    expect(await world.latchkey.foundation.db.selectFrom('signInFailures').selectAll().execute()).toEqual([])
  })

  const WAYS: readonly (readonly [string, (world: World, owner: Fortified) => Promise<unknown>, string[]])[] = [
    ['totp', async (_, owner) => owner.nextAppCode(), ['pwd', 'otp', 'mfa']],
    ['recovery_code', async (_, { recoveryCodes }) => recoveryCodes[0], ['pwd', 'otp', 'mfa']],
    ['email', async (world, { user }) => sentTo(world, user, 'email'), ['pwd', 'otp', 'mfa']],
    ['phone', async (world, { user }) => sentTo(world, user, 'phone'), ['pwd', 'sms', 'mfa']],
  ]

  it.each(WAYS)('takes the password and %s, and raises the session', async (method, codeFor, amr) => {
    const world = await createWorld({ settings: UNLIMITED })
    const owner = await fortified(world)
    const { user } = owner
    expect(assuranceOf(user)).toEqual({ acr: 'aal1', amr: ['pwd'] })
    world.clock.turn(minutes(12))
    const code = await codeFor(world, owner)
    const { body } = succeeded(await reauthenticate(world, user, { password: user.password, method, code }))
    expect(assuranceOf(body)).toEqual({ acr: 'aal2', amr })
    expect(await isFresh(world, body)).toBe(true)
    const again = await reauthenticate(world, user, { password: user.password, method, code })
    expect(again.status).toBe(400)
    expect(await recordOf(world, user.id)).toContainEqual(expect.stringContaining(`"methods":["password","${method}"]`))
  })

  it('takes no wrong factor, and counts it apart from the second step', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const { user, secret } = await fortified(world)
    const { password } = user
    const code = wrongAppCode(secret, world.clock.now())
    expect(said(await reauthenticate(world, user, { password, method: 'totp', code }))).toEqual(WRONG)
    const recovery = await reauthenticate(world, user, { password, method: 'recovery_code', code: 'AAAA' })
    expect(codeOf(recovery)).toEqual([400, 'recovery_code_invalid'])
    const failures = await world.latchkey.foundation.db.selectFrom('factorFailures').selectAll().execute()
    expect(failures.map(({ method, purpose }) => [method, purpose])).toEqual([
      ['totp', 'reauthentication'],
      ['recovery_code', 'reauthentication'],
    ])
    expect(await recordOf(world, user.id)).toContain('reauthentication_failed {"methods":["totp"]}')
  })

  it('uses no factor up beside a wrong password', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const { user, recoveryCodes } = await fortified(world)
    const factor = { method: 'recovery_code', code: recoveryCodes[0] }
    const wrong = await reauthenticate(world, user, { password: 'Wrong-Horse-7', ...factor })
    expect(wrong.body.password).toEqual(['This is not your password.'])
    succeeded(await reauthenticate(world, user, { password: user.password, ...factor }))
  })

  it('locks a method at a hundred wrong tries in a row, and no other', async () => {
    const world = await createWorld({ settings: { ...UNLIMITED, THROTTLE_OTP_VERIFY: '100000/min' } })
    const { user, secret, nextAppCode, recoveryCodes } = await fortified(world)
    const row = { userId: user.id, method: 'totp', purpose: 'reauthentication', failures: 99 } as const
    await world.latchkey.foundation.db.insertInto('factorFailures').values(row).execute()
    const { password } = user
    await reauthenticate(world, user, { password, method: 'totp', code: wrongAppCode(secret, world.clock.now()) })
    const locked = await reauthenticate(world, user, { password, method: 'totp', code: nextAppCode() })
    expect(codeOf(locked)).toEqual([403, 'factor_locked'])
    const locks = (await recordOf(world, user.id)).filter((line) => line.startsWith('method_locked'))
    expect(locks).toEqual(['method_locked {"method":"totp","purpose":"reauthentication"}'])
    succeeded(await reauthenticate(world, user, { password, method: 'recovery_code', code: recoveryCodes[0] }))
    expect((await passByApp(world, await beginSignIn(world, user), nextAppCode())).status).toBe(200)
  })
})

/** A code to reauthenticate by, asked for and read. */
async function sentTo(world: World, user: SignedIn, channel: 'email' | 'phone'): Promise<string> {
  succeeded(await askForCode(world, user, channel))
  return world.codeTo(channel === 'email' ? user.email : PHONE)
}

describe('a code to reauthenticate by', () => {
  it('goes to a channel though the session has proven it, and never to a pending address', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const { user } = await fortified(world)
    expect(said(await sendCode(world, user, 'phone'))).toEqual([400, 'User already is verified', 'already_verified'])
    const set = { pendingEmail: 'new@example.com' }
    await world.latchkey.foundation.db.updateTable('users').set(set).where('id', '=', user.id).execute()
    for (const channel of ['email', 'phone'] as const) succeeded(await askForCode(world, user, channel))
    expect(await world.inbox('new@example.com')).toEqual([])
  })

  it('is a proof of nothing else, and no other code reauthenticates', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const { user, nextAppCode } = await fortified(world)
    const session = succeeded(await passByApp(world, await beginSignIn(world, user), nextAppCode())).body
    const code = await sentTo(world, session, 'phone')
    expect((await verifyCode(world, session, code)).status).toBe(400)
    succeeded(await sendCode(world, session, 'phone'))
    const toVerify = await world.codeTo(PHONE)
    const body = { password: user.password, method: 'phone', code: toVerify }
    expect(said(await reauthenticate(world, session, body))).toEqual(WRONG)
    succeeded(await reauthenticate(world, session, { ...body, code }))
  })

  it('is for two factors and for channels that are one', async () => {
    const world = await createWorld({ settings: { ...UNLIMITED, EMAIL_AS_SECOND_FACTOR: 'false' } })
    const { user } = await fortified(world)
    const plain = await verifiedUser(world)
    expect(codeOf(await askForCode(world, plain, 'email'))).toEqual([403, 'permission_denied'])
    expect(codeOf(await askForCode(world, plain, 'phone'))).toEqual([400, 'phone_not_submitted'])
    expect(codeOf(await askForCode(world, user, 'email'))).toEqual([403, 'permission_denied'])
    const bad = await world.call('POST', '/api/otp/send/', {
      token: user.access,
      body: { email_or_phone: 'phone', purpose: 'fun' },
    })
    expect(bad.body.purpose).toEqual(['"fun" is not a valid choice.'])
  })

  it('tells what it is for, in its own words', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const { user } = await fortified(world)
    const code = await sentTo(world, user, 'email')
    expect((await world.inbox(user.email)).find((mail) => mail.code === code)?.subject).toMatch(/it is you|confirm/i)
  })
})

describe('a passkey', () => {
  it('that knew its user stands alone, whether or not two factors are on', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const { user, passkey } = await userWithPasskey(world)
    world.clock.turn(minutes(12))
    const alone = await reauthenticate(world, user, { passkey: passkey.sign(await options(world, user)) })
    expect(assuranceOf(succeeded(alone).body)).toEqual({ acr: 'aal2', amr: ['pwd', 'hwk', 'user', 'mfa'] })
    expect(await isFresh(world, alone.body)).toBe(true)
    await turnOn(world, user)
    succeeded(await reauthenticate(world, user, { passkey: passkey.sign(await options(world, user)) }))
  })

  it('that only knew that someone was there needs the password beside it', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const { user, passkey } = await userWithPasskey(world)
    await turnOn(world, user)
    const sign = async () => passkey.sign(await options(world, user), { userVerified: false })
    expect((await reauthenticate(world, user, { passkey: await sign() })).body.password).toEqual([
      'This field is required.',
    ])
    const both = await reauthenticate(world, user, { password: user.password, passkey: await sign() })
    expect(assuranceOf(succeeded(both).body)).toEqual({ acr: 'aal2', amr: ['pwd', 'hwk', 'user', 'mfa'] })
  })

  it('is refused for another session’s options, another user, and a second time', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const { user, passkey } = await userWithPasskey(world)
    const elsewhere: SignedIn = { ...user, ...(await world.signIn(user)).body }
    const foreign = passkey.sign(await options(world, elsewhere))
    const stranger = await verifiedUser(world)
    const own = createSoftPasskey()
    succeeded(await register(world, stranger, own))
    const signed = passkey.sign(await options(world, user))
    succeeded(await reauthenticate(world, user, { passkey: signed }))
    for (const response of [foreign, own.sign(await options(world, stranger)), signed]) {
      expect(codeOf(await reauthenticate(world, user, { passkey: response }))).toEqual([400, 'passkey_invalid'])
    }
    expect(await recordOf(world, user.id)).toContain('reauthentication_failed {"methods":["passkey"]}')
  })
})

async function turnOn(world: World, { id }: SignedIn): Promise<void> {
  const set = { twoFactorSince: world.clock.now() }
  await world.latchkey.foundation.db.updateTable('users').set(set).where('id', '=', id).execute()
}

describe('a factor that is shown though two factors are off', () => {
  it('must be right, and raises the session', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const user = await verifiedUser(world)
    const { recoveryCodes } = await withApp(world, user)
    world.clock.turn(seconds(30))
    const show = (code: unknown): Promise<Answer> =>
      reauthenticate(world, user, { password: user.password, method: 'recovery_code', code })
    expect((await show('AAAA-AAAA-AAAA-AAAA')).status).toBe(400)
    expect(assuranceOf(succeeded(await show(recoveryCodes[1])).body).acr).toBe('aal2')
    const [none] = otherCodes(1)
    const other = await verifiedUser(world)
    const unusable = await reauthenticate(world, other, { password: other.password, method: 'totp', code: none })
    expect(codeOf(unusable)).toEqual([403, 'permission_denied'])
  })
})
