import { Secret } from 'otpauth'
import { describe, expect, it } from 'vitest'
import {
  appCode,
  beginApp,
  confirmApp,
  noticesTo,
  readFactors,
  recordedOf,
  removeApp,
  setTwoFactor,
  signInWithApp,
  verifiedUser,
  withApp,
  withTwoFactors,
  wrongAppCode,
} from '../../../test/factors.ts'
import { UNLIMITED } from '../../../test/unlimited.ts'
import { createWorld } from '../../../test/world.ts'
import { minutes, seconds } from '../../kernel/duration.ts'

describe('an authenticator app is added', () => {
  it('by its secret and a code, which gives ten recovery codes, is told and put on record', async () => {
    const world = await createWorld()
    const user = await verifiedUser(world)
    const begun = await beginApp(world, user)
    expect(begun.status).toBe(200)
    expect(Object.keys(begun.body)).toEqual(['secret', 'otpauth_url', 'qr_svg'])
    expect(begun.body.secret).toMatch(/^[A-Z2-7]{32}$/)
    expect(new URL(begun.body.otpauth_url).searchParams.get('secret')).toBe(begun.body.secret)
    expect((await readFactors(world, user)).totp).toBeNull()

    const confirmed = await confirmApp(world, user, appCode(begun.body.secret, world.clock.now()))
    expect(confirmed.status).toBe(200)
    expect(Object.keys(confirmed.body)).toEqual(['recovery_codes'])
    expect(new Set(confirmed.body.recovery_codes).size).toBe(10)
    expect(await readFactors(world, user)).toMatchObject({
      totp: { confirmed_at: world.clock.now().toISOString() },
      recovery_codes: { left: 10 },
    })
    expect(await noticesTo(world, user.email)).toEqual(['totp_added'])
    expect(await recordedOf(world, user.id, ['totp_added', 'recovery_codes_made'])).toEqual([
      'recovery_codes_made: success',
      'totp_added: success',
    ])
  })

  it('by a code in Persian digits, as text with spaces or as a number', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const persian = (code: string) => code.replace(/\d/g, (digit) => String.fromCodePoint(0x06f0 + Number(digit)))
    for (const write of [persian, (code: string) => ` ${code.slice(0, 3)} ${code.slice(3)} `, String]) {
      const user = await verifiedUser(world)
      const { secret } = (await beginApp(world, user)).body
      const code = write(appCode(secret, world.clock.now()))
      expect((await confirmApp(world, user, code)).status).toBe(200)
    }
  })

  it('with a picture of one element, without script or reference', async () => {
    const world = await createWorld({ settings: { PRODUCT_NAME: '<script>"&\'فروشگاه' } })
    const user = await verifiedUser(world)
    const { qr_svg: svg } = (await beginApp(world, user)).body
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox="0 0 (\d+) \1">.*<\/svg>$/)
    expect(svg.match(/<\w+/g)).toEqual(['<svg', '<rect', '<path'])
    expect(svg).not.toMatch(/script|href|url\(|on\w+=/i)
  })

  it('in place of another, which works until then', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const user = await verifiedUser(world)
    const { secret: old, recoveryCodes } = await withApp(world, user)
    await withTwoFactors(world, user)
    const { secret } = (await beginApp(world, user)).body
    world.clock.turn(seconds(30))
    await signInWithApp(world, user, old)
    world.clock.turn(seconds(30))
    const confirmed = await confirmApp(world, user, appCode(secret, world.clock.now()))
    expect(confirmed.body.recovery_codes).not.toContain(recoveryCodes[0])
    await expect(signInWithApp(world, user, old, 1)).rejects.toThrow(/otp_invalid/)
    await signInWithApp(world, user, secret, 1)
  })
})

describe('no authenticator app is added', () => {
  it('before the e-mail is verified', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    for (const answer of [await beginApp(world, user), await confirmApp(world, user, '123456')]) {
      expect([answer.status, answer.body.code]).toEqual([403, 'email_not_verified'])
    }
  })

  it('by a sign-in older than ten minutes', async () => {
    const world = await createWorld()
    const user = await verifiedUser(world)
    world.clock.turn(minutes(10))
    for (const answer of [
      await beginApp(world, user),
      await confirmApp(world, user, '123456'),
      await removeApp(world, user),
    ]) {
      expect([answer.status, answer.body.code]).toEqual([403, 'reauthentication_required'])
    }
  })

  it('by nobody, and not by a sign-in that waits for its second step', async () => {
    const world = await createWorld()
    const user = await verifiedUser(world)
    await withTwoFactors(world, user)
    const { access } = (await world.signIn(user)).body
    const paths = ['/api/totp/', '/api/totp/confirm/', '/api/recovery-codes/'] as const
    for (const path of paths) {
      expect((await world.call('POST', path, { body: {} })).status).toBe(401)
      expect((await world.call('POST', path, { token: access, body: {} })).status).toBe(401)
    }
    expect((await removeApp(world, { access })).status).toBe(401)
    expect((await setTwoFactor(world, { access }, false)).status).toBe(401)
    expect((await world.call('GET', '/api/factors/', { token: access })).status).toBe(401)
  })

  it('by a wrong code, by none, and where none was begun', async () => {
    const world = await createWorld()
    const user = await verifiedUser(world)
    const early = await confirmApp(world, user, '123456')
    expect([early.status, early.body.code]).toEqual([409, 'totp_not_begun'])
    const { secret } = (await beginApp(world, user)).body
    const wrong = await confirmApp(world, user, wrongAppCode(secret, world.clock.now()))
    expect([wrong.status, wrong.body.code, wrong.body.status]).toEqual([400, 'otp_invalid', 'Invalid Code'])
    const none = await confirmApp(world, user, 'abc')
    expect([none.status, none.body.code]).toEqual([400, ['A valid integer is required.']])
    expect(await noticesTo(world, user.email)).toEqual([])
  })

  it('by more tries than codes may be tried', async () => {
    const world = await createWorld({ settings: { THROTTLE_OTP_VERIFY: '2/hour' } })
    const user = await verifiedUser(world)
    expect((await confirmApp(world, user, '123456')).status).toBe(409)
    expect((await confirmApp(world, user, '123456')).status).toBe(429)
  })
})

describe('the authenticator app is removed', () => {
  it('so that its codes pass nothing, which is told and put on record', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const user = await verifiedUser(world)
    const { secret } = await withApp(world, user)
    await withTwoFactors(world, user)
    const removed = await removeApp(world, user)
    expect([removed.status, removed.text]).toEqual([204, ''])
    await expect(signInWithApp(world, user, secret, 1)).rejects.toThrow(/permission_denied|otp_invalid/)
    expect((await readFactors(world, user)).totp).toBeNull()
    expect(await noticesTo(world, user.email)).toContain('totp_removed')
    expect(await recordedOf(world, user.id, ['totp_removed'])).toEqual(['totp_removed: success'])
    expect((await removeApp(world, user)).status).toBe(404)
  })

  it('but not where there is none, nor one that was only begun', async () => {
    const world = await createWorld()
    const user = await verifiedUser(world)
    await beginApp(world, user)
    const answer = await removeApp(world, user)
    expect([answer.status, answer.body.code]).toEqual([404, 'not_found'])
  })

  it('but not while two factors are on and it is the last', async () => {
    const world = await createWorld({ settings: { ...UNLIMITED, EMAIL_AS_SECOND_FACTOR: 'false' } })
    const user = await verifiedUser(world)
    const { secret } = await withApp(world, user)
    await withTwoFactors(world, user)
    const answer = await removeApp(world, user)
    expect([answer.status, answer.body.code]).toEqual([409, 'last_factor'])
    const passed = await signInWithApp(world, user, secret, 1)
    expect((await setTwoFactor(world, passed, false)).body).toEqual({ enabled: false })
    expect((await removeApp(world, passed)).status).toBe(204)
  })
})

it('leaves no secret, code or recovery code in the log or the database', async () => {
  const world = await createWorld({ settings: UNLIMITED })
  const user = await verifiedUser(world)
  const { secret, recoveryCodes } = await withApp(world, user)
  await withTwoFactors(world, user)
  const code = appCode(secret, world.clock.now(), 1)
  await signInWithApp(world, user, secret, 1)
  const { access: token } = (await world.signIn(user)).body
  await world.call('POST', '/api/recovery-codes/verify/', { token, body: { code: recoveryCodes[0] } })
  await world.inbox()
  const { db } = world.latchkey.foundation
  const tables = ['users', 'totps', 'recoveryCodes', 'auditEvents', 'deliveries', 'sessions', 'pendingSignIns'] as const
  const rows = await Promise.all(tables.map((table) => db.selectFrom(table).selectAll().execute()))
  const asText = (value: unknown): unknown =>
    value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value
  const kept = JSON.stringify(rows, (_, value) => asText(value)) + world.logged()
  const rawSecret = JSON.stringify(Secret.fromBase32(secret).latin1).slice(1, -1)
  for (const canary of [secret, rawSecret, `"${code}"`, ...recoveryCodes, ...recoveryCodes.map(withoutDashes)]) {
    expect(kept).not.toContain(canary)
  }
})

const withoutDashes = (code: string) => code.replaceAll('-', '')
