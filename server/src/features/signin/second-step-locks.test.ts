import { describe, expect, it } from 'vitest'
import { otherCodes, PHONE, RIGHT, said, sendCode, verifyCode, WRONG } from '../../../test/codes.ts'
import { succeeded, wrongAppCode } from '../../../test/factors.ts'
import {
  beginSignIn,
  codeOf,
  type Fortified,
  fortified,
  passByApp,
  passByRecoveryCode,
  recordOf,
} from '../../../test/second-step.ts'
import { UNLIMITED } from '../../../test/unlimited.ts'
import { inTurn } from '../../../test/wire.ts'
import { type Answer, createWorld, type World } from '../../../test/world.ts'

// Off, THROTTLE_OTP_VERIFY would switch the lock off as well.
const settings = { ...UNLIMITED, THROTTLE_OTP_VERIFY: '100000/min' }

type Method = 'email' | 'phone' | 'totp' | 'recovery_code'

/** As if so many wrong tries had been made in a row. */
async function setFailures(
  world: World,
  { user }: Fortified,
  method: Method,
  failures: number,
  purpose = 'second_factor',
): Promise<void> {
  const row = { userId: user.id, method, purpose, failures }
  await world.latchkey.foundation.db.insertInto('factorFailures').values(row).execute()
}

const failures = (world: World) =>
  world.latchkey.foundation.db.selectFrom('factorFailures').select(['method', 'failures']).orderBy('method').execute()

/** One wrong try by each method. */
const WRONG_TRIES: Readonly<Record<Method, (world: World, owner: Fortified) => Promise<Answer>>> = {
  email: (world, owner) => wrongCodeTo(world, owner, 'email'),
  phone: (world, owner) => wrongCodeTo(world, owner, 'phone'),
  totp: async (world, { user, secret }) =>
    passByApp(world, await beginSignIn(world, user), wrongAppCode(secret, world.clock.now())),
  recovery_code: async (world, { user }) =>
    passByRecoveryCode(world, await beginSignIn(world, user), 'AAAA-AAAA-AAAA-AAAA'),
}

async function wrongCodeTo(world: World, { user }: Fortified, channel: 'email' | 'phone'): Promise<Answer> {
  const candidate = await beginSignIn(world, user)
  succeeded(await sendCode(world, candidate, channel))
  const [wrong] = otherCodes(1, await world.codeTo(channel === 'email' ? user.email : PHONE))
  return verifyCode(world, candidate, wrong)
}

/** The right code by each method, in a new sign-in. */
const RIGHT_TRIES: Readonly<Record<Method, (world: World, owner: Fortified) => Promise<Answer>>> = {
  email: (world, owner) => rightCodeTo(world, owner, 'email'),
  phone: (world, owner) => rightCodeTo(world, owner, 'phone'),
  totp: async (world, { user, nextAppCode }) => passByApp(world, await beginSignIn(world, user), nextAppCode()),
  recovery_code: async (world, { user, recoveryCodes }) =>
    passByRecoveryCode(world, await beginSignIn(world, user), recoveryCodes[0]),
}

async function rightCodeTo(world: World, { user }: Fortified, channel: 'email' | 'phone'): Promise<Answer> {
  const candidate = await beginSignIn(world, user)
  const sent = await sendCode(world, candidate, channel)
  if (sent.status !== 200) return sent
  return verifyCode(world, candidate, await world.codeTo(channel === 'email' ? user.email : PHONE))
}

const METHODS = ['email', 'phone', 'totp', 'recovery_code'] as const
const LOCKED_CODE = {
  email: 'channel_locked',
  phone: 'channel_locked',
  totp: 'factor_locked',
  recovery_code: 'factor_locked',
}

describe('wrong tries in a row', () => {
  it.each(METHODS)('by %s lock it at a hundred and no other method; put on record once', async (method) => {
    const world = await createWorld({ settings })
    const owner = await fortified(world)
    await setFailures(world, owner, method, 99)
    expect((await WRONG_TRIES[method](world, owner)).status).toBe(400)
    expect(codeOf(await RIGHT_TRIES[method](world, owner))).toEqual([403, LOCKED_CODE[method]])
    expect(codeOf(await RIGHT_TRIES[method](world, owner))).toEqual([403, LOCKED_CODE[method]])
    const locks = (await recordOf(world, owner.user.id)).filter((line) => line.startsWith('method_locked'))
    expect(locks).toEqual([`method_locked {"method":"${method}","purpose":"second_factor"}`])
    const told = (await world.inbox(owner.user.email)).filter(({ subject }) => subject?.endsWith('was locked'))
    expect(told).toHaveLength(1)
    for (const other of METHODS.filter((each) => each !== method)) {
      expect(said(await RIGHT_TRIES[other](world, owner))).toEqual(RIGHT)
    }
  })

  it.each(METHODS)(
    'by %s are counted across sign-ins and resends, and forgotten by its own success alone',
    async (method) => {
      const world = await createWorld({ settings })
      const owner = await fortified(world)
      await inTurn(3, () => WRONG_TRIES[method](world, owner))
      const other = method === 'totp' ? 'recovery_code' : 'totp'
      expect(said(await RIGHT_TRIES[other](world, owner))).toEqual(RIGHT)
      expect(await failures(world)).toEqual([{ method, failures: 3 }])
      expect(said(await RIGHT_TRIES[method](world, owner))).toEqual(RIGHT)
      expect(await failures(world)).toEqual([])
    },
  )

  it('lock a code that was sent before: not even the right one is taken', async () => {
    const world = await createWorld({ settings })
    const owner = await fortified(world)
    const candidate = await beginSignIn(world, owner.user)
    succeeded(await sendCode(world, candidate))
    await setFailures(world, owner, 'email', 100)
    expect(said(await verifyCode(world, candidate, await world.codeTo(owner.user.email)))).toEqual(WRONG)
  })

  it('from outside a session never lock the second step', async () => {
    const world = await createWorld({ settings })
    const owner = await fortified(world)
    const { email } = owner.user
    await setFailures(world, owner, 'email', 99, 'sign_in')
    const { challenge } = succeeded(await world.call('POST', '/api/token/code/', { body: { email } })).body
    const [code] = otherCodes(1, await world.codeTo(email))
    const wrong = await world.call('POST', '/api/token/code/confirm/', { body: { challenge, code } })
    expect(codeOf(wrong)).toEqual([400, 'otp_invalid'])
    expect(await recordOf(world, owner.user.id)).toContain('method_locked {"method":"email","purpose":"sign_in"}')
    expect(said(await RIGHT_TRIES.email(world, owner))).toEqual(RIGHT)
  })

  it('in a second step lock no verification of a session', async () => {
    const world = await createWorld({ settings })
    const owner = await fortified(world)
    const { body: session } = succeeded(await RIGHT_TRIES.totp(world, owner))
    await setFailures(world, owner, 'email', 100)
    expect((await sendCode(world, session)).status).toBe(200)
    expect(said(await verifyCode(world, session, await world.codeTo(owner.user.email)))).toEqual(RIGHT)
  })

  it('are counted at THROTTLE_OTP_VERIFY for the user, whichever the sign-in and the method', async () => {
    const world = await createWorld({ settings: { ...UNLIMITED, THROTTLE_OTP_VERIFY: '5/hour' } })
    const owner = await fortified(world) // three of the five: e-mail, phone and app were confirmed
    const answers = [await WRONG_TRIES.totp(world, owner), await WRONG_TRIES.recovery_code(world, owner)]
    expect(answers.map(({ status }) => status)).toEqual([400, 400])
    expect(codeOf(await WRONG_TRIES.totp(world, owner))).toEqual([429, 'throttled'])
  })
})
