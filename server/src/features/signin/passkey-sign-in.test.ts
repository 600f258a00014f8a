import { describe, expect, it } from 'vitest'
import { createSoftPasskey, type Twist } from '../../../test/authenticator.ts'
import { signIn, signInBy, signInOptions, turnOnTwoFactors, userWithPasskey } from '../../../test/passkeys.ts'
import { UNLIMITED } from '../../../test/unlimited.ts'
import { atOnce, readToken, statuses } from '../../../test/wire.ts'
import { createWorld, type World } from '../../../test/world.ts'
import { minutes } from '../../kernel/duration.ts'

const table = (world: World) => world.latchkey.foundation.db

const assuranceOf = (token: string) => {
  const { acr, amr } = readToken(token).payload
  return { acr, amr }
}

describe('signing in by a passkey', () => {
  it('asks for no user and for a verified one', async () => {
    const world = await createWorld({ settings: { PUBLIC_URL: 'https://auth.example.com' } })
    expect(await signInOptions(world)).toEqual({
      rpId: 'auth.example.com',
      challenge: expect.stringMatching(/^[\w-]{72}$/),
      timeout: 300_000,
      userVerification: 'required',
    })
  })

  it('opens a session that passed two factors, known by the passkey alone', async () => {
    const world = await createWorld()
    const { user, passkey, id } = await userWithPasskey(world)
    world.clock.turn(minutes(1))
    const { status, body } = await signIn(world, passkey)
    expect([status, body]).toEqual([
      200,
      { refresh: expect.any(String), access: expect.any(String), email: user.email },
    ])
    expect(assuranceOf(body.access)).toEqual({ acr: 'aal2', amr: ['hwk', 'user', 'mfa'] })
    expect((await world.call('GET', '/api/users/me/', { token: body.access })).body.id).toBe(user.id)
    const [kept] = (await world.call('GET', '/api/passkeys/', { token: body.access })).body.results
    expect(kept).toMatchObject({ id, last_used_at: '2026-11-22T09:01:00.000Z' })
  })

  it('tells a key in hardware from one that is copied between devices, and keeps whether it is backed up', async () => {
    const world = await createWorld()
    const { passkey } = await userWithPasskey(world, { counts: false, twist: { isBackupEligible: true } })
    const { body } = await signIn(world, passkey, { isBackupEligible: true, isBackedUp: true })
    expect(assuranceOf(body.access)).toEqual({ acr: 'aal2', amr: ['swk', 'user', 'mfa'] })
    const [kept] = (await world.call('GET', '/api/passkeys/', { token: body.access })).body.results
    expect(kept.backed_up).toBe(true)
  })

  it('is enough with two factors on', async () => {
    const world = await createWorld()
    const { user, passkey } = await userWithPasskey(world)
    await turnOnTwoFactors(world, user)
    const { status, body } = await signIn(world, passkey)
    expect([status, body.second_factor]).toEqual([200, undefined])
  })

  it('asks for the first proof of an address where none is verified any more, and stays two factors', async () => {
    const world = await createWorld({ settings: { REQUIRE_VERIFIED: 'email' } })
    const { user, passkey } = await userWithPasskey(world)
    await table(world).updateTable('users').set({ emailVerifiedAt: null }).execute()
    const { body } = await signIn(world, passkey)
    expect(body.second_factor).toEqual({ required: true, methods: ['email'] })
    await world.call('POST', '/api/otp/send/', { token: body.access, body: { email_or_phone: 'email' } })
    const code = await world.codeTo(user.email)
    const step = await world.call('POST', '/api/otp/verify/', { token: body.access, body: { code } })
    expect(assuranceOf(step.body.access).acr).toBe('aal2')
  })

  it('makes a device known that asks for it, and knows it again', async () => {
    const world = await createWorld()
    const { passkey } = await userWithPasskey(world)
    const assertion = async () => passkey.sign(await signInOptions(world))
    const { body } = await signInBy(world, { ...(await assertion()), device: 'new' })
    expect(body.device).toMatch(/^[\w-]{43}$/)
    const again = await signInBy(world, { ...(await assertion()), device: body.device })
    expect([again.status, again.body.device]).toEqual([200, undefined])
  })

  it('lets codes by e-mail count again after a reset', async () => {
    const world = await createWorld()
    const { user, passkey } = await userWithPasskey(world)
    await table(world).updateTable('users').set({ passwordResetAt: world.clock.now() }).execute()
    expect((await signIn(world, passkey)).status).toBe(200)
    const found = await table(world).selectFrom('users').selectAll().where('id', '=', user.id).executeTakeFirst()
    expect(found?.passwordResetAt).toBeNull()
  })

  it('is on record, done or not', async () => {
    const world = await createWorld()
    const { user, passkey } = await userWithPasskey(world)
    await signIn(world, passkey)
    await signIn(world, passkey, { userVerified: false })
    await signIn(world, createSoftPasskey())
    const events = await table(world)
      .selectFrom('auditEvents')
      .select(['type', 'userId', 'details'])
      .where('type', 'like', 'sign%')
      .where('details', 'like', '%passkey%')
      .execute()
    const details = JSON.stringify({ reason: 'wrong_passkey' })
    expect(events).toEqual(
      expect.arrayContaining([
        { type: 'sign_in_failed', userId: user.id, details },
        { type: 'sign_in_failed', userId: null, details },
      ]),
    )
  })
})

describe('a sign-in by passkey is refused', () => {
  const TWISTS: readonly [string, Twist][] = [
    ['from a page of another origin', { origin: 'http://localhost:8001' }],
    ['from a page in a frame of another origin', { clientData: { crossOrigin: true } }],
    ['for another host', { rpId: 'evil.example' }],
    ['when nobody was there', { userPresent: false }],
    ['when its user was not verified', { userVerified: false }],
    ['under a challenge that is not ours', { challenge: 'A'.repeat(72) }],
    ['signed to register', { clientData: { type: 'webauthn.create' } }],
    ['for another user', { userHandle: 'A'.repeat(43) }],
    ['for nobody', { userHandle: null }],
    ['when it can be copied since now', { isBackupEligible: true }],
    ['with what is no JSON', { clientData: { toJSON: undefined, challenge: 5 } }],
  ]

  it.each(TWISTS)('%s', async (_, twist) => {
    const world = await createWorld()
    const { passkey } = await userWithPasskey(world)
    const answer = await signIn(world, passkey, twist)
    expect([answer.status, answer.body.code]).toEqual([400, 'passkey_invalid'])
  })

  it('when its signature is another’s, or its credential', async () => {
    const world = await createWorld()
    const { passkey } = await userWithPasskey(world)
    const { passkey: other } = await userWithPasskey(world)
    const options = await signInOptions(world)
    const [own, others] = [passkey.sign(options), other.sign(options)]
    const swapped = [
      { ...own, response: { ...own.response, signature: others.response['signature'] } },
      { ...own, id: others.id, rawId: others.rawId },
      { ...own, rawId: others.rawId },
    ]
    for (const assertion of swapped) expect((await signInBy(world, assertion)).body.code).toBe('passkey_invalid')
    expect((await signInBy(world, own)).status).toBe(200)
  })

  it('when its challenge is five minutes old or was for something else', async () => {
    const world = await createWorld()
    const { user, passkey } = await userWithPasskey(world)
    const { body: creation } = await world.call('POST', '/api/passkeys/options/', { token: user.access })
    const forOther = passkey.sign({ rpId: 'localhost', challenge: creation.challenge })
    expect((await signInBy(world, forOther)).body.code).toBe('passkey_invalid')
    const options = await signInOptions(world)
    world.clock.turn(minutes(5))
    expect((await signInBy(world, passkey.sign(options))).body.code).toBe('passkey_invalid')
  })

  it('when it was removed', async () => {
    const world = await createWorld()
    const { user, passkey, id } = await userWithPasskey(world)
    await world.call('DELETE', `/api/passkeys/${id}/`, { token: user.access })
    expect((await signIn(world, passkey)).body.code).toBe('passkey_invalid')
  })

  it('like a wrong password when the account is deactivated', async () => {
    const world = await createWorld()
    const { passkey } = await userWithPasskey(world)
    await table(world).updateTable('users').set({ deactivatedAt: world.clock.now() }).execute()
    const answer = await signIn(world, passkey)
    expect([answer.status, answer.body.code]).toEqual([401, 'no_active_account'])
  })

  it('when its counter does not go on, and its user is told of a likely copy', async () => {
    const world = await createWorld()
    const { user, passkey } = await userWithPasskey(world)
    await signIn(world, passkey)
    await signIn(world, passkey)
    for (const signCount of [2, 1, 0]) {
      expect((await signIn(world, passkey, { signCount })).body.code).toBe('passkey_invalid')
    }
    const subjects = (await world.inbox(user.email)).map(({ subject }) => subject)
    expect(subjects.filter((subject) => subject?.includes('may have been copied'))).toHaveLength(3)
    const copied = table(world).selectFrom('auditEvents').select('id').where('details', 'like', '%passkey_copied%')
    expect(await copied.execute()).toHaveLength(3)
    expect((await signIn(world, passkey, { signCount: 9 })).status).toBe(200)
  })

  it('too many times a minute from one address, like passwords', async () => {
    const world = await createWorld()
    const assertion = createSoftPasskey().sign({ rpId: 'localhost', challenge: 'A'.repeat(72) })
    expect(statuses(await atOnce(21, () => signInBy(world, assertion)))).toEqual({ 400: 20, 429: 1 })
  })

  // Guard: the insert in `takeChallenge`. Seen failing (20 sessions) with `return true` in its place.
  it('nineteen times of twenty at once, with and without a counter', async () => {
    for (const counts of [true, false]) {
      const world = await createWorld({ settings: UNLIMITED })
      const { passkey } = await userWithPasskey(world, { counts })
      const assertion = passkey.sign(await signInOptions(world))
      expect(statuses(await atOnce(20, () => signInBy(world, assertion)))).toEqual({ 200: 1, 400: 19 })
      expect((await signInBy(world, assertion)).body.code).toBe('passkey_invalid')
    }
  })
})

describe('pages whose passkeys are taken', () => {
  const from = async (settings: Readonly<Record<string, string>>, origin: string) => {
    const world = await createWorld({ settings })
    const own = settings['PASSKEY_ORIGINS']?.split(',')[0] ?? settings['PUBLIC_URL'] ?? 'http://localhost:8000'
    const { passkey } = await userWithPasskey(world, { twist: { origin: own } })
    return (await signIn(world, passkey, { origin })).status
  }

  it('are those of PUBLIC_URL, or those PASSKEY_ORIGINS names in its place', async () => {
    const PUBLIC_URL = 'https://auth.example.com'
    const PASSKEY_ORIGINS = 'https://app.auth.example.com,https://auth.example.com:8443'
    expect(await from({ PUBLIC_URL }, PUBLIC_URL)).toBe(200)
    expect(await from({ PUBLIC_URL }, 'https://app.auth.example.com')).toBe(400)
    expect(await from({ PUBLIC_URL, PASSKEY_ORIGINS }, 'https://auth.example.com:8443')).toBe(200)
    expect(await from({ PUBLIC_URL, PASSKEY_ORIGINS }, PUBLIC_URL)).toBe(400)
  })

  it('are this server’s own while PUBLIC_URL is not set, beside those named', async () => {
    const PASSKEY_ORIGINS = 'http://localhost:5173'
    expect(await from({ PASSKEY_ORIGINS }, 'http://localhost:8000')).toBe(200)
    expect(await from({ PASSKEY_ORIGINS }, PASSKEY_ORIGINS)).toBe(200)
    expect(await from({ PASSKEY_ORIGINS }, 'http://localhost:3000')).toBe(400)
  })

  it('are told to password managers, which may keep it', async () => {
    const settings = { PUBLIC_URL: 'https://auth.example.com', PASSKEY_ORIGINS: 'https://app.auth.example.com' }
    const { status, body, headers } = await (
      await createWorld({ settings })
    ).call('GET', '/.well-known/passkey-endpoints')
    const front = 'https://app.auth.example.com/'
    expect([status, body]).toEqual([200, { enroll: front, manage: front }])
    expect(headers).toMatchObject({ 'content-type': 'application/json', 'cache-control': 'public, max-age=86400' })
    const plain = await createWorld()
    expect((await plain.call('GET', '/.well-known/passkey-endpoints')).body.enroll).toBe('http://localhost:8000/')
  })
})
