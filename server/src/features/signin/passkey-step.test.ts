import { describe, expect, it } from 'vitest'
import { createSoftPasskey, type Twist } from '../../../test/authenticator.ts'
import {
  candidate,
  passStep,
  register,
  signInBy,
  signInOptions,
  stepBy,
  stepOptions,
  turnOnTwoFactors,
  userWithPasskey,
  verifiedUser,
} from '../../../test/passkeys.ts'
import { UNLIMITED } from '../../../test/unlimited.ts'
import { atOnce, inTurn, readToken, statuses } from '../../../test/wire.ts'
import { createWorld, type World } from '../../../test/world.ts'
import { minutes } from '../../kernel/duration.ts'

/** Somebody with two factors on and a passkey, at the second step of a sign-in. */
async function atSecondStep(world: World) {
  const { user, passkey } = await userWithPasskey(world)
  await turnOnTwoFactors(world, user)
  return { user, passkey, token: await candidate(world, user) }
}

const refusedWith = ({ status, body }: { status: number; body: { code: string } }) => [status, body.code]

describe('the second step by a passkey', () => {
  it('names the user’s own passkeys', async () => {
    const world = await createWorld()
    const { passkey, token } = await atSecondStep(world)
    await userWithPasskey(world)
    expect((await stepOptions(world, token)).body).toEqual({
      rpId: 'localhost',
      challenge: expect.any(String),
      timeout: 300_000,
      userVerification: 'preferred',
      allowCredentials: [{ id: passkey.id, type: 'public-key', transports: ['internal'] }],
    })
  })

  it('opens the session, once', async () => {
    const world = await createWorld()
    const { user, passkey, token } = await atSecondStep(world)
    const { status, body } = await passStep(world, token, passkey)
    expect([status, body]).toEqual([
      200,
      { status: 'User has Verified', access: expect.any(String), refresh: expect.any(String) },
    ])
    const { payload } = readToken(body.access)
    expect(payload).toMatchObject({ sub: String(user.id), acr: 'aal2', amr: ['pwd', 'hwk', 'user', 'mfa'] })
    expect((await stepOptions(world, token)).status).toBe(401)
  })

  it('needs no verified user, since a password came before, nor a user handle', async () => {
    const world = await createWorld()
    const { passkey, token } = await atSecondStep(world)
    expect((await passStep(world, token, passkey, { userVerified: false, userHandle: null })).status).toBe(200)
  })

  it('gives the device value that the first step asked for', async () => {
    const world = await createWorld()
    const { user, passkey } = await atSecondStep(world)
    const { email, password } = user
    const { body } = await world.call('POST', '/api/token/', { body: { email, password, device: 'new' } })
    expect((await passStep(world, body.access, passkey)).body.device).toMatch(/^[\w-]{43}$/)
  })

  it('is for second-factor tokens alone', async () => {
    const world = await createWorld()
    const { user } = await userWithPasskey(world)
    expect((await stepOptions(world, user.access)).status).toBe(401)
    expect((await stepBy(world, user.access, {})).status).toBe(401)
    expect((await world.call('POST', '/api/passkeys/verify/options/')).status).toBe(401)
  })

  it('is refused to whoever has none', async () => {
    const world = await createWorld()
    const user = await verifiedUser(world)
    await turnOnTwoFactors(world, user)
    const token = await candidate(world, user)
    expect(refusedWith(await stepOptions(world, token))).toEqual([403, 'permission_denied'])
    const assertion = createSoftPasskey().sign({ rpId: 'localhost', challenge: 'A'.repeat(72) })
    expect(refusedWith(await stepBy(world, token, assertion))).toEqual([403, 'permission_denied'])
  })
})

describe('a passkey is refused in the second step', () => {
  const TWISTS: readonly [string, Twist][] = [
    ['from a page of another origin', { origin: 'http://localhost:8001' }],
    ['for another host', { rpId: 'evil.example' }],
    ['when nobody was there', { userPresent: false }],
    ['for another user', { userHandle: 'A'.repeat(43) }],
    ['when its counter does not go on', { signCount: 0 }],
  ]

  it.each(TWISTS)('%s', async (_, twist) => {
    const world = await createWorld()
    const { passkey, token } = await atSecondStep(world)
    expect((await passStep(world, token, passkey)).status).toBe(200)
    const { body } = await world.signIn({ email: 'user1@example.com', password: 'Correct-Horse-7' })
    expect(refusedWith(await passStep(world, body.access, passkey, twist))).toEqual([400, 'passkey_invalid'])
  })

  it('when it is another user’s', async () => {
    const world = await createWorld()
    const { token } = await atSecondStep(world)
    const { passkey } = await userWithPasskey(world)
    expect(refusedWith(await passStep(world, token, passkey))).toEqual([400, 'passkey_invalid'])
  })

  it('when its challenge was asked for by another sign-in, another user, or to sign in without a password', async () => {
    const world = await createWorld()
    const { user, passkey, token } = await atSecondStep(world)
    const other = await atSecondStep(world)
    const asked = [
      (await stepOptions(world, await candidate(world, user))).body,
      (await stepOptions(world, other.token)).body,
      await signInOptions(world),
    ]
    for (const options of asked) {
      expect(refusedWith(await stepBy(world, token, passkey.sign(options)))).toEqual([400, 'passkey_invalid'])
    }
    const { body: options } = await stepOptions(world, token)
    expect(refusedWith(await signInBy(world, passkey.sign(options)))).toEqual([400, 'passkey_invalid'])
  })

  it('when its challenge is five minutes old', async () => {
    const world = await createWorld()
    const { passkey, token } = await atSecondStep(world)
    const { body: options } = await stepOptions(world, token)
    world.clock.turn(minutes(5))
    expect(refusedWith(await stepBy(world, token, passkey.sign(options)))).toEqual([400, 'passkey_invalid'])
  })

  it('a hundred times in a row, and then even when it is right, until a success elsewhere or an operator', async () => {
    const world = await createWorld({ settings: { ...UNLIMITED, THROTTLE_OTP_VERIFY: '1000/min' } })
    const { user, passkey, token } = await atSecondStep(world)
    const { body: options } = await stepOptions(world, token)
    const wrong = passkey.sign(options, { origin: 'https://evil.example' })
    await inTurn(99, () => stepBy(world, token, wrong))
    expect((await passStep(world, token, passkey)).status).toBe(200)
    const second = await candidate(world, user)
    await inTurn(100, () => stepBy(world, second, wrong))
    expect(refusedWith(await passStep(world, second, passkey))).toEqual([403, 'factor_locked'])
    const { foundation } = world.latchkey
    const locks = foundation.db.selectFrom('auditEvents').select('details').where('type', '=', 'method_locked')
    expect(await locks.execute()).toEqual([{ details: '{"method":"passkey","purpose":"second_factor"}' }])
  }, 60_000)

  it('nineteen times of twenty at once', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const { passkey, token } = await atSecondStep(world)
    const { body: options } = await stepOptions(world, token)
    const assertion = passkey.sign(options)
    const counts = statuses(await atOnce(20, () => stepBy(world, token, assertion)))
    expect(counts[200]).toBe(1)
    expect((counts[400] ?? 0) + (counts[401] ?? 0)).toBe(19)
  })

  it('in all but one of twenty sign-ins at once by twenty passkeys', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const { user, token } = await atSecondStep(world)
    const passkeys = Array.from({ length: 19 }, () => createSoftPasskey())
    for (const passkey of passkeys) await register(world, user, passkey)
    const { body: options } = await stepOptions(world, token)
    const assertions = passkeys.map((passkey) => passkey.sign(options))
    const answers = await atOnce(19, (index) => stepBy(world, token, assertions[index]!))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
  })
})
