import { describe, expect, it } from 'vitest'
import { createSoftPasskey, type Twist } from '../../../test/authenticator.ts'
import { creationOptions, register, turnOnTwoFactors, userWithPasskey, verifiedUser } from '../../../test/passkeys.ts'
import { UNLIMITED } from '../../../test/unlimited.ts'
import { atOnce, statuses } from '../../../test/wire.ts'
import { createWorld, type SignedIn, type World } from '../../../test/world.ts'
import { minutes } from '../../kernel/duration.ts'

const createPatientWorld = () => createWorld({ settings: UNLIMITED })

const list = async (world: World, user: SignedIn) =>
  (await world.call('GET', '/api/passkeys/', { token: user.access })).body.results

const events = async (world: World, user: SignedIn) =>
  (
    await world.latchkey.foundation.db
      .selectFrom('auditEvents')
      .select('type')
      .where('userId', '=', user.id)
      .where('type', 'like', 'passkey%')
      .execute()
  )
    .map(({ type }) => type)
    .toSorted()

describe('registering a passkey', () => {
  it('gives the browser what makes one that is found without an e-mail and verifies its user', async () => {
    const world = await createWorld({ settings: { PRODUCT_NAME: 'Example Shop' } })
    const user = await verifiedUser(world)
    const { status, body } = await creationOptions(world, user)
    expect([status, body]).toEqual([
      200,
      {
        rp: { id: 'localhost', name: 'Example Shop' },
        user: { id: expect.stringMatching(/^[\w-]{43}$/), name: user.email, displayName: user.email },
        challenge: expect.stringMatching(/^[\w-]{72}$/),
        pubKeyCredParams: [-7, -8, -257].map((alg) => ({ alg, type: 'public-key' })),
        timeout: 300_000,
        excludeCredentials: [],
        authenticatorSelection: { residentKey: 'required', requireResidentKey: true, userVerification: 'required' },
        attestation: 'none',
      },
    ])
  })

  it('keeps it, names it by the device, puts it on record and tells its user', async () => {
    const world = await createWorld()
    const user = await verifiedUser(world)
    const passkey = createSoftPasskey()
    const { body: options } = await creationOptions(world, user)
    const headers = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0' }
    const body = passkey.register(options, {
      isBackupEligible: true,
      isBackedUp: true,
      transports: ['internal', '<b>'],
    })
    const answer = await world.call('POST', '/api/passkeys/', { token: user.access, body, headers })
    const kept = {
      id: expect.any(String),
      name: 'Firefox on Linux',
      credential_id: passkey.id,
      created_at: '2026-11-22T09:00:00.000Z',
      last_used_at: null,
      backed_up: true,
      transports: ['internal'],
    }
    expect([answer.status, answer.body]).toEqual([201, kept])
    expect(await list(world, user)).toEqual([kept])
    expect(await events(world, user)).toEqual(['passkey_added'])
    const [mail] = await world.inbox(user.email)
    expect(mail?.subject).toBe('A passkey was added to your Latchkey account')
  })

  const HIDDEN = 'Control characters and invisible characters that hide or turn text around are not allowed.'

  it('takes a name on one line, of at most 60 characters', async () => {
    const world = await createWorld()
    const user = await verifiedUser(world)
    const { body: options } = await creationOptions(world, user)
    const offer = (name: unknown) => {
      const body = { ...createSoftPasskey().register(options), name }
      return world.call('POST', '/api/passkeys/', { token: user.access, body })
    }
    expect((await offer('')).body.name).toEqual(['This field may not be blank.'])
    expect((await offer('x'.repeat(61))).body.name).toEqual(['Ensure this field has no more than 60 characters.'])
    expect((await offer(5)).body.name).toEqual(['Not a valid string.'])
    for (const text of ['My\nphone', 'My \u202ephone']) expect((await offer(text)).body.name).toEqual([HIDDEN])
    expect((await offer(' My phone\n')).body.name).toBe('My phone')
  })

  it('knows one user by one handle, and names the passkeys there are so that none is made twice', async () => {
    const world = await createWorld()
    const { user, passkey } = await userWithPasskey(world)
    const { body: first } = await creationOptions(world, user)
    const { body: second } = await creationOptions(world, user)
    expect(first.user.id).toBe(second.user.id)
    expect(first.challenge).not.toBe(second.challenge)
    expect(first.excludeCredentials).toEqual([{ id: passkey.id, type: 'public-key', transports: ['internal'] }])
    const other = await userWithPasskey(world)
    expect((await creationOptions(world, other.user)).body.user.id).not.toBe(first.user.id)
  })

  it('needs a verified e-mail address, for the options and for the passkey', async () => {
    const world = await createWorld()
    const user = await verifiedUser(world)
    const { body: options } = await creationOptions(world, user)
    await world.latchkey.foundation.db.updateTable('users').set({ emailVerifiedAt: null }).execute()
    expect((await creationOptions(world, user)).body.code).toBe('email_not_verified')
    const body = createSoftPasskey().register(options)
    const answer = await world.call('POST', '/api/passkeys/', { token: user.access, body })
    expect([answer.status, answer.body.code]).toEqual([403, 'email_not_verified'])
  })

  it('needs a sign-in younger than ten minutes, as does removing; renaming does not', async () => {
    const world = await createWorld()
    const { user, passkey, id } = await userWithPasskey(world)
    const { body: options } = await creationOptions(world, user)
    world.clock.turn(minutes(10))
    const ask = (method: 'POST' | 'PATCH' | 'DELETE', path: string, body?: unknown) =>
      world.call(method, path, { token: user.access, ...(body !== undefined && { body }) })
    const answers = [
      await ask('POST', '/api/passkeys/options/'),
      await ask('POST', '/api/passkeys/', passkey.register(options)),
      await ask('DELETE', `/api/passkeys/${id}/`),
    ]
    expect(answers.map(({ status, body }) => [status, body.code])).toEqual(
      answers.map(() => [403, 'reauthentication_required']),
    )
    expect((await ask('PATCH', `/api/passkeys/${id}/`, { name: 'Key' })).status).toBe(200)
  })

  it('is for the signed-in', async () => {
    const world = await createWorld()
    for (const [method, path] of [
      ['POST', '/api/passkeys/options/'],
      ['POST', '/api/passkeys/'],
      ['GET', '/api/passkeys/'],
      ['PATCH', '/api/passkeys/x/'],
      ['DELETE', '/api/passkeys/x/'],
    ] as const) {
      expect((await world.call(method, path)).status).toBe(401)
    }
  })
})

describe('a new passkey is refused', () => {
  const TWISTS: readonly [string, Twist][] = [
    ['from a page of another origin', { origin: 'https://localhost:8000' }],
    ['from a page in a frame of another origin', { clientData: { crossOrigin: true } }],
    ['from a page whose top is another', { clientData: { topOrigin: 'https://evil.example' } }],
    ['made for another host', { rpId: 'evil.example' }],
    ['when nobody was there', { userPresent: false }],
    ['when its user was not verified', { userVerified: false }],
    ['for an algorithm that was not offered', { algorithm: -35 }],
    ['under a challenge that is not ours', { challenge: 'A'.repeat(72) }],
    ['under a challenge that is none', { challenge: '' }],
    ['that was signed to sign in', { clientData: { type: 'webauthn.get' } }],
    ['backed up though it cannot be', { isBackedUp: true }],
    ['attested by itself, wrongly', { attestation: { format: 'packed', statement: new Map([['alg', -7]]) } }],
  ]

  it.each(TWISTS)('%s', async (_, twist) => {
    const world = await createWorld()
    const user = await verifiedUser(world)
    const answer = await register(world, user, createSoftPasskey(), twist)
    expect([answer.status, answer.body.code]).toEqual([400, 'passkey_invalid'])
    expect(await list(world, user)).toEqual([])
  })

  // Guard: `isAttested`, or else the library asks whatever address a certificate names whether it was revoked.
  it.each([
    ['apple', new Map()],
    ['android-key', new Map([['x5c', [Buffer.of(1)]]])],
    ['packed', new Map([['x5c', [Buffer.of(1)]]])],
  ])('attested by a certificate (%s), which is not so much as read', async (format, statement) => {
    const world = await createWorld()
    const answer = await register(world, await verifiedUser(world), createSoftPasskey(), {
      attestation: { format, statement },
    })
    expect([answer.status, answer.body.code]).toEqual([400, 'passkey_invalid'])
    expect(world.logged()).toContain('attested, which nobody asked for')
  })

  it('whose challenge was asked for by another user, in another session, or is five minutes old', async () => {
    const world = await createWorld()
    const user = await verifiedUser(world)
    const other = await verifiedUser(world)
    const { body: again } = await world.signIn(user)
    const { body: options } = await creationOptions(world, user)
    const body = createSoftPasskey().register(options)
    const offer = async (token: string) => (await world.call('POST', '/api/passkeys/', { token, body })).body.code
    expect(await offer(other.access)).toBe('passkey_invalid')
    expect(await offer(again.access)).toBe('passkey_invalid')
    world.clock.turn(minutes(5))
    expect(await offer(user.access)).toBe('passkey_invalid')
  })

  it('when its challenge was used', async () => {
    const world = await createWorld()
    const user = await verifiedUser(world)
    const { body: options } = await creationOptions(world, user)
    const offer = () =>
      world.call('POST', '/api/passkeys/', { token: user.access, body: createSoftPasskey().register(options) })
    expect((await offer()).status).toBe(201)
    expect((await offer()).body.code).toBe('passkey_invalid')
  })

  it('when anybody has it, whoever that is', async () => {
    const world = await createWorld()
    const { user, passkey } = await userWithPasskey(world)
    const other = await verifiedUser(world)
    for (const taker of [user, other]) {
      const answer = await register(world, taker, passkey)
      expect([answer.status, answer.body.code]).toEqual([409, 'passkey_in_use'])
    }
  })

  it('when it would be the twenty-first, even of twenty at once', async () => {
    const world = await createPatientWorld()
    const user = await verifiedUser(world)
    await atOnce(15, () => register(world, user, createSoftPasskey()))
    const { body: options } = await creationOptions(world, user)
    const answers = await atOnce(20, () => register(world, user, createSoftPasskey()))
    expect(statuses(answers)).toEqual({ 201: 5, 409: 15 })
    expect(await list(world, user)).toHaveLength(20)
    const late = { token: user.access, body: createSoftPasskey().register(options) }
    expect((await world.call('POST', '/api/passkeys/', late)).body.code).toBe('too_many_passkeys')
    expect((await creationOptions(world, user)).body.code).toBe('too_many_passkeys')
  })
})

describe('a user’s passkeys', () => {
  it('are renamed, on record', async () => {
    const world = await createWorld()
    const { user, id } = await userWithPasskey(world)
    const answer = await world.call('PATCH', `/api/passkeys/${id}/`, { token: user.access, body: { name: 'Key' } })
    expect([answer.status, answer.body.name]).toEqual([200, 'Key'])
    expect((await list(world, user))[0].name).toBe('Key')
    expect(await events(world, user)).toEqual(['passkey_added', 'passkey_renamed'])
  })

  it('are removed, on record, and their user is told', async () => {
    const world = await createWorld()
    const { user, id } = await userWithPasskey(world)
    expect((await world.call('DELETE', `/api/passkeys/${id}/`, { token: user.access })).status).toBe(204)
    expect(await list(world, user)).toEqual([])
    expect(await events(world, user)).toEqual(['passkey_added', 'passkey_removed'])
    const [mail] = await world.inbox(user.email)
    expect(mail?.subject).toBe('A passkey was removed from your Latchkey account')
  })

  it('are nobody else’s to see, rename or remove: another’s is answered like none', async () => {
    const world = await createWorld()
    const { id } = await userWithPasskey(world)
    const other = await verifiedUser(world)
    const NONE = '01980000-0000-7000-8000-000000000000'
    for (const which of [id, NONE, 'junk', '0']) {
      const options = { token: other.access }
      const renamed = await world.call('PATCH', `/api/passkeys/${which}/`, { ...options, body: { name: 'Mine' } })
      const removed = await world.call('DELETE', `/api/passkeys/${which}/`, options)
      expect([renamed.status, removed.status]).toEqual([404, 404])
    }
    expect(await list(world, other)).toEqual([])
  })

  it('stay while one is the last way in', async () => {
    const world = await createWorld({ settings: { SIGN_IN_BY_CODE: 'false', EMAIL_AS_SECOND_FACTOR: 'false' } })
    const { user, id } = await userWithPasskey(world)
    const remove = async () => (await world.call('DELETE', `/api/passkeys/${id}/`, { token: user.access })).body.code
    await turnOnTwoFactors(world, user)
    expect(await remove()).toBe('last_factor')
    const set = { twoFactorSince: null, passwordHash: '!' }
    await world.latchkey.foundation.db.updateTable('users').set(set).execute()
    expect(await remove()).toBe('last_sign_in_method')
  })
})
