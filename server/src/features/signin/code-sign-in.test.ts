import { beforeEach, describe, expect, it } from 'vitest'
import { otherCodes, PHONE, said, WRONG } from '../../../test/codes.ts'
import { createCostedWorld } from '../../../test/costs.ts'
import { PRODUCTION } from '../../../test/production.ts'
import { askForCode, confirmCode, reachableUser, signInCode, withPhone } from '../../../test/sign-in-codes.ts'
import { UNLIMITED } from '../../../test/unlimited.ts'
import { inTurn, readToken, sameButForItsId, sessionOf, statuses } from '../../../test/wire.ts'
import { type Answer, createWorld, type World } from '../../../test/world.ts'
import { seconds } from '../../kernel/duration.ts'

let world: World

const start = async (settings: Readonly<Record<string, string>> = {}): Promise<void> => {
  world = await createWorld({ settings: { ...UNLIMITED, ...settings } })
}

beforeEach(() => start())

const alike = (answer: Answer): unknown =>
  JSON.parse(JSON.stringify(sameButForItsId(answer)).replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'UUID'))

describe('sign-in by a code', () => {
  it('signs in to whoever reads the mail of a verified address', async () => {
    const user = await reachableUser(world)
    const { challenge, code } = await signInCode(world, user)
    const answer = await confirmCode(world, challenge, code)
    expect([answer.status, Object.keys(answer.body)]).toEqual([200, ['refresh', 'access', 'email']])
    expect(answer.body.email).toBe(user.email)
    expect(readToken(answer.body.access).payload).toMatchObject({ acr: 'aal1', amr: ['otp'], email_verified: true })
    expect((await sessionOf(world, answer.body.access))?.emailProvenAt).toEqual(world.clock.now())
    const me = await world.call('GET', '/api/users/me/', { token: answer.body.access })
    expect(me.body.email).toBe(user.email)
  })

  it('signs in by text message once the user allowed it', async () => {
    const user = await reachableUser(world, withPhone(world))
    const { body } = await askForCode(world, { phone: '0912 345 6789' })
    const answer = await confirmCode(world, body.challenge, Number(await world.codeTo(PHONE)))
    expect(readToken(answer.body.access).payload).toMatchObject({ sub: String(user.id), acr: 'aal1', amr: ['sms'] })
    expect((await sessionOf(world, answer.body.access))?.phoneProvenAt).toEqual(world.clock.now())
  })

  it('remembers a device that asks to be known', async () => {
    const { challenge, code } = await signInCode(world, await reachableUser(world))
    const { body } = await confirmCode(world, challenge, code, { device: 'new' })
    expect(body.device).toMatch(/^[\w-]{43}$/)
  })

  it('goes on to the second factor where two are on, the channel just used not among them', async () => {
    const user = await reachableUser(world, { ...withPhone(world), twoFactorSince: world.clock.now() })
    const { challenge, code } = await signInCode(world, user)
    const { body } = await confirmCode(world, challenge, code)
    expect(body.second_factor).toEqual({ required: true, methods: ['phone'] })
    expect((await world.call('GET', '/api/users/me/', { token: body.access })).status).toBe(401)
    const pending = await world.latchkey.foundation.db.selectFrom('pendingSignIns').selectAll().execute()
    expect(pending).toMatchObject([{ userId: user.id, needs: 'second_factor', amr: 'otp', channel: 'email' }])
  })

  it('asks for what must be verified, where a code to a phone says nothing of the e-mail', async () => {
    await start({ REQUIRE_VERIFIED: 'email' })
    await reachableUser(world, { ...withPhone(world), emailVerifiedAt: null })
    const { body } = await askForCode(world, { phone: PHONE })
    const answer = await confirmCode(world, body.challenge, await world.codeTo(PHONE))
    expect(answer.body.second_factor).toEqual({ required: true, methods: ['email'] })
    const { challenge, code } = await signInCode(world, await reachableUser(world))
    expect((await confirmCode(world, challenge, code)).body.second_factor).toBeUndefined()
  })

  it('puts the sign-in on record, and a wrong code', async () => {
    const user = await reachableUser(world)
    const { challenge, code } = await signInCode(world, user)
    world.clock.turn(seconds(1))
    await confirmCode(world, challenge, otherCodes(1, code)[0])
    world.clock.turn(seconds(1))
    await confirmCode(world, challenge, code)
    const { db } = world.latchkey.foundation
    const events = await db.selectFrom('auditEvents').selectAll().where('userId', '=', user.id).orderBy('id').execute()
    expect(events.slice(-2).map(({ type, result, details }) => [type, result, JSON.parse(details)])).toMatchObject([
      ['sign_in_failed', 'failure', { reason: 'wrong_code', channel: 'email' }],
      ['signed_in', 'success', { acr: 'aal1', amr: ['otp'] }],
    ])
  })

  it('is not there where the setting turns it off', async () => {
    await start({ SIGN_IN_BY_CODE: 'false' })
    const { email } = await reachableUser(world)
    for (const answer of [
      await askForCode(world, { email }),
      await confirmCode(world, '019ab0c1-7d2e-7a53-9c41-2b6f0e8d5a17', '123456'),
    ]) {
      expect([answer.status, answer.body.code]).toEqual([404, 'not_found'])
    }
  })

  it.each([{}, { email: 'sara@example.com', phone: PHONE }, { email: null }])('wants one address: %j', async (body) => {
    const { status, body: problem } = await askForCode(world, body)
    expect([status, problem.non_field_errors]).toEqual([
      400,
      ['Give an e-mail address or a phone number: one of the two.'],
    ])
  })

  it('names what is wrong with a field', async () => {
    expect((await askForCode(world, { email: 'sara' })).body.email).toEqual(['Enter a valid email address.'])
    expect((await askForCode(world, { phone: '12' })).body.phone).toHaveLength(1)
    const { body } = await confirmCode(world, undefined, 'x')
    expect([body.challenge, body.code]).toEqual([['This field is required.'], ['A valid integer is required.']])
  })

  it('says so where no message can leave this way', async () => {
    await start({ ...PRODUCTION, SECRET_KEY: 'only-for-this-test '.repeat(2) })
    const answer = await askForCode(world, { phone: PHONE })
    expect([answer.status, answer.body.code]).toEqual([503, 'channel_unavailable'])
  })
})

/** Everyone whom no code is sent, each for another reason. */
const STRANGERS: readonly (readonly [string, () => Promise<object>])[] = [
  ['nobody at that address', async () => ({ email: 'nobody@example.com' })],
  ['an address never verified', async () => ({ email: (await world.signedInUser()).email })],
  [
    'a closed account',
    async () => ({ email: (await reachableUser(world, { deactivatedAt: world.clock.now() })).email }),
  ],
  [
    'two factors of which this is one',
    async () => ({ email: (await reachableUser(world, { twoFactorSince: world.clock.now() })).email }),
  ],
  [
    'a locked channel',
    async () => {
      const user = await reachableUser(world)
      const row = { userId: user.id, method: 'email', purpose: 'sign_in', failures: 100 } as const
      await world.latchkey.foundation.db.insertInto('factorFailures').values(row).execute()
      return { email: user.email }
    },
  ],
  ['nobody at that number', async () => ({ phone: '+989120000000' })],
  [
    'a phone whose owner did not allow it',
    async () => {
      await reachableUser(world, { ...withPhone(world), phoneSignInSince: null })
      return { phone: PHONE }
    },
  ],
]

describe('whoever asks for', () => {
  it.each(STRANGERS)('%s is told what everyone is told, by the same statements', async (_, make) => {
    const costed = await createCostedWorld({ THROTTLE_OTP_VERIFY: '1000/min' })
    const { costs } = costed
    world = costed.world
    const known = await reachableUser(world, withPhone(world, '+989121111111'))
    const body = await make()
    const isMail = 'email' in body
    const right = await costs(() => askForCode(world, isMail ? { email: known.email } : { phone: '+989121111111' }))
    const code = await world.codeTo(isMail ? known.email : '+989121111111')
    const decoy = await costs(() => askForCode(world, body))
    expect(alike(decoy.answer)).toEqual(alike(right.answer))
    expect(decoy.cost).toEqual(right.cost)
    expect(await world.inbox(Object.values(body)[0] as string)).toHaveLength(0)
    const wrong = otherCodes(1, code)[0]
    const first = await costs(() => confirmCode(world, right.answer.body.challenge, wrong))
    const second = await costs(() => confirmCode(world, decoy.answer.body.challenge, wrong))
    expect(alike(second.answer)).toEqual(alike(first.answer))
    expect(second.cost).toEqual(first.cost)
    expect(said(first.answer)).toEqual(WRONG)
  })

  it('an address too often in a row waits, known or not', async () => {
    const { email } = await reachableUser(world)
    for (const body of [{ email }, { email: 'nobody@example.com' }]) {
      expect((await askForCode(world, body)).status).toBe(202)
      const again = await askForCode(world, body)
      expect([again.status, again.headers['retry-after']]).toEqual([429, '60'])
      expect((await askForCode(world, body, '203.0.113.5')).status).toBe(202)
      world.clock.turn(seconds(60))
      expect((await askForCode(world, body)).status).toBe(202)
    }
  })

  it('more codes than an address is sent gets the same answer and no code; its owner has a budget of his own', async () => {
    await start({ THROTTLE_OTP_SEND: '1000/min' })
    const user = await reachableUser(world)
    const strangers = await inTurn(7, (index) => askForCode(world, { email: user.email }, `203.0.113.${index}`))
    expect(statuses(strangers)).toEqual({ 202: 7 })
    expect(await world.inbox(user.email)).toHaveLength(5)
    await signInCode(world, user, '127.0.0.1')
    expect(await world.inbox(user.email)).toHaveLength(6)
    const { email, password } = user
    const { device } = (await world.call('POST', '/api/token/', { body: { email, password, device: 'new' } })).body
    await askForCode(world, { email: user.email, device: `${device}x` }, '203.0.113.8')
    expect(await world.inbox(user.email)).toHaveLength(6)
    await askForCode(world, { email: user.email, device }, '203.0.113.9')
    expect(await world.inbox(user.email)).toHaveLength(7)
  })
})
