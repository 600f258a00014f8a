import { describe, expect, it } from 'vitest'
import { PHONE, RIGHT, said, sendCode, verifyCode, WRONG } from '../../../test/codes.ts'
import { readFactors, succeeded, verifiedUser, withApp, withTwoFactors, wrongAppCode } from '../../../test/factors.ts'
import {
  assuranceOf,
  beginSignIn,
  type Candidate,
  codeOf,
  type Fortified,
  fortified,
  meBy,
  passByApp,
  passByRecoveryCode,
  recordOf,
} from '../../../test/second-step.ts'
import { UNLIMITED } from '../../../test/unlimited.ts'
import { readToken, sessionOf } from '../../../test/wire.ts'
import { type Answer, createWorld, type World } from '../../../test/world.ts'
import { minutes, seconds } from '../../kernel/duration.ts'

type Way = (world: World, candidate: Candidate, owner: Fortified) => Promise<Answer>

async function byCodeTo(world: World, candidate: Candidate, channel: 'email' | 'phone', to: string): Promise<Answer> {
  succeeded(await sendCode(world, candidate, channel))
  return verifyCode(world, candidate, await world.codeTo(to))
}

/** Each way to pass the second step, and what RFC 8176 calls what was proven by it. */
const WAYS: readonly (readonly [name: string, pass: Way, amr: readonly string[]])[] = [
  [
    'a code by e-mail',
    (world, candidate, { user }) => byCodeTo(world, candidate, 'email', user.email),
    ['pwd', 'otp', 'mfa'],
  ],
  ['a code by SMS', (world, candidate) => byCodeTo(world, candidate, 'phone', PHONE), ['pwd', 'sms', 'mfa']],
  [
    'an authenticator app',
    (world, candidate, owner) => passByApp(world, candidate, owner.nextAppCode()),
    ['pwd', 'otp', 'mfa'],
  ],
  [
    'a recovery code',
    (world, candidate, { recoveryCodes }) => passByRecoveryCode(world, candidate, recoveryCodes[0]),
    ['pwd', 'otp', 'mfa'],
  ],
]

describe('a password with two factors on', () => {
  it('opens no session: it names the methods left, and its tokens are of a kind of their own', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const { user } = await fortified(world)
    const { status, body } = await world.signIn(user)
    expect([status, Object.keys(body)]).toEqual([200, ['refresh', 'access', 'email', 'second_factor']])
    expect(body.second_factor).toEqual({ required: true, methods: ['totp', 'phone', 'email', 'recovery_code'] })
    for (const token of [body.access, body.refresh]) {
      const { header, payload } = readToken(token)
      expect([header['typ'], header['alg'], payload['token_type']]).toEqual(['2fa+jwt', 'HS256', 'second_factor'])
      expect(Number(payload['exp']) - Number(payload['iat'])).toBe(600)
      expect(await sessionOf(world, token)).toBeUndefined()
    }
    expect(await recordOf(world, user.id)).toContain(
      'second_factor_required {"needs":"second_factor","methods":["totp","phone","email","recovery_code"]}',
    )
  })

  it('gives tokens that are 401 everywhere but in the second step and at logout', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const { user } = await fortified(world)
    const { access, refresh } = await beginSignIn(world, user)
    for (const token of [access, refresh]) {
      expect(await meBy(world, token)).toEqual([401, 'token_not_valid'])
      for (const path of [
        '/api/totp/',
        '/api/token/reauthenticate/',
        '/api/recovery-codes/',
        '/api/password/change/',
      ]) {
        expect(codeOf(await world.call('POST', path, { token, body: {} }))).toEqual([401, 'token_not_valid'])
      }
      const refreshed = await world.call('POST', '/api/token/refresh/', { body: { refresh: token } })
      expect([refreshed.status, refreshed.body.detail]).toEqual([401, 'Token has wrong type'])
      const verified = await world.call('POST', '/api/token/verify/', { body: { token } })
      expect([verified.status, verified.body.code]).toEqual([401, 'token_not_valid'])
    }
  })

  it('changes nothing for who never turned two factors on', async () => {
    const world = await createWorld()
    const user = await verifiedUser(world)
    await withApp(world, user)
    const { body } = await world.signIn(user)
    expect(Object.keys(body)).toEqual(['refresh', 'access', 'email'])
    expect(assuranceOf(body)).toEqual({ acr: 'aal1', amr: ['pwd'] })
  })
})

describe('the second step', () => {
  it.each(WAYS)('by %s opens one session of two factors', async (_, pass, amr) => {
    const world = await createWorld({ settings: UNLIMITED })
    const owner = await fortified(world)
    const candidate = await beginSignIn(world, owner.user)
    const answer = await pass(world, candidate, owner)
    expect([answer.status, Object.keys(answer.body)]).toEqual([200, ['status', 'access', 'refresh']])
    expect(answer.body.status).toBe('User has Verified')
    expect(assuranceOf(answer.body)).toEqual({ acr: 'aal2', amr })
    expect(await meBy(world, answer.body.access)).toEqual([200, undefined])
    const next = succeeded(await world.call('POST', '/api/token/refresh/', { body: { refresh: answer.body.refresh } }))
    expect(assuranceOf(next.body)).toEqual({ acr: 'aal2', amr })
  })

  it.each(WAYS)('by %s uses the sign-in up: its tokens are good for nothing any more', async (_, pass) => {
    const world = await createWorld({ settings: UNLIMITED })
    const owner = await fortified(world)
    const candidate = await beginSignIn(world, owner.user)
    succeeded(await pass(world, candidate, owner))
    const again = await passByRecoveryCode(world, candidate, owner.recoveryCodes[5])
    expect([...codeOf(again), again.body.messages[0].message]).toEqual([401, 'token_not_valid', 'Token is blacklisted'])
    expect((await readFactors(world, succeeded(await enter(world, owner)).body)).recovery_codes.left).toBeGreaterThan(7)
  })

  it('takes a code with Persian digits, and as a number', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const owner = await fortified(world)
    const persian = owner.nextAppCode().replace(/\d/g, (digit) => '۰۱۲۳۴۵۶۷۸۹'[Number(digit)]!)
    expect(said(await passByApp(world, await beginSignIn(world, owner.user), persian))).toEqual(RIGHT)
    const candidate = await beginSignIn(world, owner.user)
    succeeded(await sendCode(world, candidate))
    expect(said(await verifyCode(world, candidate, Number(await world.codeTo(owner.user.email))))).toEqual(RIGHT)
  })

  it('gives the device value that the password asked for', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const { user, nextAppCode } = await fortified(world)
    const { email, password } = user
    const { body } = await world.call('POST', '/api/token/', { body: { email, password, device: 'new' } })
    expect(body.device).toBeUndefined()
    const answer = await passByApp(world, body, nextAppCode())
    expect(answer.body.device).toMatch(/^[\w-]{43}$/)
    const known = await world.call('POST', '/api/token/', { body: { email, password, device: answer.body.device } })
    expect((await passByApp(world, known.body, nextAppCode())).body.device).toBeUndefined()
  })

  it('refuses what is wrong with the code of its kind, and waits on', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const owner = await fortified(world)
    const candidate = await beginSignIn(world, owner.user)
    expect(said(await passByApp(world, candidate, wrongAppCode(owner.secret, world.clock.now())))).toEqual(WRONG)
    expect(codeOf(await passByRecoveryCode(world, candidate, 'AAAA-AAAA-AAAA-AAAA'))).toEqual([
      400,
      'recovery_code_invalid',
    ])
    succeeded(await sendCode(world, candidate))
    const code = await world.codeTo(owner.user.email)
    expect(said(await verifyCode(world, candidate, code === '500000' ? '500001' : '500000'))).toEqual(WRONG)
    expect(said(await verifyCode(world, candidate, code))).toEqual(RIGHT)
    const record = (await recordOf(world, owner.user.id)).filter((line) => line.startsWith('second_factor_failed'))
    expect(record).toEqual(
      ['totp', 'recovery_code', 'email'].map((method) => `second_factor_failed {"methods":["${method}"]}`),
    )
  })

  it('names what is wrong with a code that is none', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const { user } = await fortified(world)
    const candidate = await beginSignIn(world, user)
    const missing = await passByApp(world, candidate, undefined)
    expect([missing.status, missing.body.code]).toEqual([400, ['This field is required.']])
    expect((await passByApp(world, candidate, 'abc')).body.code).toEqual(['A valid integer is required.'])
    expect((await passByRecoveryCode(world, candidate, '')).body.code).toEqual(['This field may not be blank.'])
  })

  it('is over after ten minutes', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const owner = await fortified(world)
    const [late, inTime] = [await beginSignIn(world, owner.user), await beginSignIn(world, owner.user)]
    world.clock.turn(minutes(9))
    expect(said(await passByApp(world, inTime, owner.nextAppCode()))).toEqual(RIGHT)
    world.clock.turn(seconds(30))
    const answer = await passByApp(world, late, owner.nextAppCode())
    expect([...codeOf(answer), answer.body.messages[0].message]).toEqual([401, 'token_not_valid', 'Token is expired'])
  })

  it('is kept for five sign-ins of a user, the oldest leaves for the sixth', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const { user, nextAppCode } = await fortified(world)
    const oldest = await beginSignIn(world, user)
    world.clock.turn(seconds(1))
    const second = await beginSignIn(world, user)
    world.clock.turn(seconds(1))
    for (let count = 2; count < 6; count++) await beginSignIn(world, user)
    expect(codeOf(await passByApp(world, oldest, nextAppCode()))).toEqual([401, 'token_not_valid'])
    expect(said(await passByApp(world, second, nextAppCode()))).toEqual(RIGHT)
  })

  it('is needed by nobody else’s token, and takes no access token', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const { user, nextAppCode } = await fortified(world)
    const other = await verifiedUser(world)
    const code = nextAppCode()
    for (const caller of [user, other]) {
      expect(codeOf(await passByApp(world, caller, code))).toEqual([401, 'token_not_valid'])
      expect(codeOf(await passByRecoveryCode(world, caller, code))).toEqual([401, 'token_not_valid'])
    }
    expect(codeOf(await world.call('POST', '/api/totp/verify/', { body: { code } }))).toEqual([
      401,
      'not_authenticated',
    ])
  })

  it('ends with whatever ends sessions', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const { user, nextAppCode } = await fortified(world)
    const candidate = await beginSignIn(world, user)
    const { body: session } = succeeded(await enter(world, { user, nextAppCode }))
    const body = { current_password: user.password, new_password: 'Better-Horse-8' }
    succeeded(await world.call('POST', '/api/password/change/', { token: session.access, body }))
    expect(codeOf(await passByApp(world, candidate, nextAppCode()))).toEqual([401, 'token_not_valid'])
  })

  it('is refused to who was deactivated meanwhile', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const { user, nextAppCode } = await fortified(world)
    const candidate = await beginSignIn(world, user)
    const set = { deactivatedAt: world.clock.now() }
    await world.latchkey.foundation.db.updateTable('users').set(set).where('id', '=', user.id).execute()
    expect(codeOf(await passByApp(world, candidate, nextAppCode()))).toEqual([401, 'user_inactive'])
  })

  it('says no in the language of its user', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const { user } = await fortified(world)
    succeeded(await world.call('PATCH', '/api/users/me/', { token: user.access, body: { language: 'fa' } }))
    const answer = await passByApp(world, await beginSignIn(world, user), '123456')
    expect([answer.headers['content-language'], answer.body.status]).toEqual(['fa', 'Invalid Code'])
  })
})

/** A whole sign-in, by the app. */
async function enter(world: World, { user, nextAppCode }: Pick<Fortified, 'user' | 'nextAppCode'>): Promise<Answer> {
  return passByApp(world, await beginSignIn(world, user), nextAppCode())
}

describe('a method that is no factor here', () => {
  it('is refused, whatever the code', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const user = await verifiedUser(world)
    await withTwoFactors(world, user)
    const candidate = await beginSignIn(world, user)
    expect(candidate.methods).toEqual(['email', 'recovery_code'])
    expect(codeOf(await passByApp(world, candidate, '123456'))).toEqual([403, 'permission_denied'])
  })
})
