import { describe, expect, it } from 'vitest'
import { type CommandWorld, createCommandWorld, startedWorld } from '../../test/command.ts'
import { insertUser, sessionRow } from '../../test/database.ts'
import { createWorld } from '../../test/world.ts'
import { findSession } from '../features/sessions/service.ts'
import { findById } from '../features/users/service.ts'
import { emailKey, parseEmail } from '../kernel/address.ts'
import { keyedHash, unseal } from '../kernel/secret.ts'

/** A user with a session, known by the database alone. */
const userWithSession = (world: CommandWorld, name: string, fields = {}) =>
  world.inside(async ({ db }) => {
    const id = await insertUser(db, name, fields)
    const session = sessionRow(id)
    await db.insertInto('sessions').values(session).execute()
    return { id, sessionId: session.id }
  })

const sessionOf = (world: CommandWorld, id: string) => world.inside(({ db }) => findSession(db, id))

describe('users end-sessions', () => {
  it.each(['1', 'sara@example.com', 'SARA@example.com'])("ends them for %s, and nobody else's", async (named) => {
    const world = createCommandWorld()
    const sara = await userWithSession(world, 'sara')
    const omid = await userWithSession(world, 'omid')
    const { json } = await world.type(`users end-sessions ${named} --json`)
    expect(json).toEqual({ id: sara.id, email: 'sara@example.com', sessions: 1, told: true })
    expect((await sessionOf(world, sara.sessionId))?.endReason).toBe('ended_by_operator')
    expect((await sessionOf(world, omid.sessionId))?.endedAt).toBeNull()
  })
})

describe('users deactivate', () => {
  it('closes the account and ends its sessions; activate opens it again', async () => {
    const world = createCommandWorld()
    const { id, sessionId } = await userWithSession(world, 'sara')
    expect((await world.type(`users deactivate ${id}`)).out).toBe(
      'User 1, sara@example.com: The account is closed, 1 session ended. A mail that says so waits to be sent.',
    )
    expect((await sessionOf(world, sessionId))?.endReason).toBe('deactivated')
    const find = () => world.inside(({ db }) => findById(db, id))
    expect((await find())?.deactivatedAt).toEqual(world.clock.now())
    expect((await world.type(`users activate ${id}`)).code).toBe(0)
    expect((await find())?.deactivatedAt).toBeNull()
    expect((await sessionOf(world, sessionId))?.endedAt).not.toBeNull()
  })

  it('refuses the last active admin, and leaves the sessions alone', async () => {
    const world = createCommandWorld()
    const { sessionId } = await userWithSession(world, 'sara', { adminSince: world.clock.now() })
    const { code, err } = await world.type('users deactivate 1')
    expect(code).toBe(1)
    expect(err).toContain('last active admin')
    expect((await sessionOf(world, sessionId))?.endedAt).toBeNull()
  })
})

describe('users unlock', () => {
  it("forgets strangers' failures, those of known devices, and wrong codes; and no other user's", async () => {
    const world = createCommandWorld()
    const { id } = await userWithSession(world, 'sara')
    const omid = await userWithSession(world, 'omid')
    await world.inside(async ({ db, secret }) => {
      const now = world.clock.now()
      const subject = (...parts: string[]) =>
        Buffer.from(keyedHash(secret.key('sign-in-failures'), ...parts)).toString('hex')
      const key = emailKey(parseEmail('sara@example.com')!)
      const device = {
        id: sessionRow(id).id,
        userId: id,
        valueHash: new Uint8Array(32),
        createdAt: now,
        lastUsedAt: now,
      }
      await db.insertInto('devices').values(device).execute()
      const failing = [
        subject('account', key),
        subject('device', key, device.id),
        subject('account', 'omid@example.com'),
      ]
      await db
        .insertInto('signInFailures')
        .values(failing.map((subject) => ({ subject, failures: 100, lastFailedAt: now })))
        .execute()
      for (const userId of [id, omid.id]) {
        const wrong = { userId, method: 'email' as const, purpose: 'verification', failures: 100 }
        await db.insertInto('factorFailures').values(wrong).execute()
      }
    })
    const { json } = await world.type(`users unlock ${id} --json`)
    expect(json).toEqual({ id, email: 'sara@example.com', sign_in_counters: 2, code_counters: 1, told: true })
    await world.inside(async ({ db }) => {
      expect(await db.selectFrom('signInFailures').select('failures').execute()).toHaveLength(1)
      expect(await db.selectFrom('factorFailures').select('userId').execute()).toEqual([{ userId: omid.id }])
      expect(await db.selectFrom('devices').select('userId').execute()).toEqual([{ userId: id }])
    })
  })
})

describe('users reset', () => {
  it('makes the password void, ends every session and mails a code and a link to set another', async () => {
    const world = createCommandWorld({ PUBLIC_URL: 'https://id.example' })
    const { id, sessionId } = await userWithSession(world, 'sara')
    expect((await world.type(`users reset ${id}`)).out).toBe(
      'User 1, sara@example.com: The password is void, every session ended. A mail that says so waits to be sent.',
    )
    expect((await sessionOf(world, sessionId))?.endReason).toBe('ended_by_operator')
    expect((await world.inside(({ db }) => findById(db, id)))?.passwordHash).toBe('!')
    expect(await told(world)).toEqual(['password_reset', 'password_voided_for_you'])
    const mail = await mailOf(world, 'password_reset')
    expect(mail).toContain('https://id.example/password/reset/#')
  })

  it('says that a closed account stays closed', async () => {
    const world = createCommandWorld()
    const { id } = await userWithSession(world, 'sara', { deactivatedAt: world.clock.now() })
    expect((await world.type(`users reset ${id}`)).out).toContain('The account is closed: `latchkey users activate 1`.')
  })
})

describe('users remove-factor', () => {
  const withFactors = (world: CommandWorld, fields = {}) =>
    world.inside(async ({ db }) => {
      const now = world.clock.now()
      const id = await insertUser(db, 'sara', { emailVerifiedAt: now, twoFactorSince: now, ...fields })
      const app = {
        id: sessionRow(id).id,
        userId: id,
        sealedSecret: new Uint8Array(32),
        createdAt: now,
        confirmedAt: now,
      }
      await db.insertInto('totps').values(app).execute()
      for (const index of [1, 2]) {
        const code = { id: sessionRow(id).id, userId: id, codeHash: new Uint8Array([index]), createdAt: now }
        await db.insertInto('recoveryCodes').values(code).execute()
      }
      return id
    })

  it('removes what was lost, and leaves two factors on while another is left', async () => {
    const world = createCommandWorld()
    const id = await withFactors(world)
    expect((await world.type(`users remove-factor ${id} --factor totp`)).out).toBe(
      'User 1, sara@example.com: 1 removed: totp. A mail that says so waits to be sent.',
    )
    const { json } = await world.type(`users remove-factor sara@example.com --factor recovery-codes --json`)
    expect(json).toEqual({ id, email: 'sara@example.com', removed: 2, two_factor_off: false, told: true })
    expect((await world.inside(({ db }) => findById(db, id)))?.twoFactorSince).not.toBeNull()
    expect(await told(world)).toEqual(['factors_removed_for_you', 'factors_removed_for_you'])
  })

  it('turns two factors off with the last of them, and says so', async () => {
    const world = createCommandWorld({ EMAIL_AS_SECOND_FACTOR: 'false' })
    const id = await withFactors(world)
    await world.type(`users remove-factor ${id} --factor recovery-codes`)
    expect((await world.type(`users remove-factor ${id} --factor totp`)).out).toContain(
      '1 removed: totp. Two-factor sign-in is off.',
    )
    expect((await world.inside(({ db }) => findById(db, id)))?.twoFactorSince).toBeNull()
  })

  it('turns them off alone, the factors kept', async () => {
    const world = createCommandWorld()
    const id = await withFactors(world)
    expect((await world.type(`users remove-factor ${id} --factor two-factor`)).out).toBe(
      'User 1, sara@example.com: Two-factor sign-in is off. A mail that says so waits to be sent.',
    )
    expect(await told(world)).toEqual(['two_factor_off_for_you'])
    expect(await world.inside(({ db }) => db.selectFrom('totps').select('userId').execute())).toHaveLength(1)
  })

  it('says what it knows, and when there is none', async () => {
    const world = createCommandWorld()
    const id = await withFactors(world)
    expect(await world.type(`users remove-factor ${id} --factor passkeys`)).toMatchObject({
      code: 1,
      err: 'User 1 has no passkeys.',
    })
    for (const kind of ['constructor', 'phone']) {
      expect(await world.type(`users remove-factor ${id} --factor ${kind}`)).toMatchObject({
        code: 1,
        err: '--factor is one of totp, passkeys, recovery-codes, two-factor.',
      })
    }
    expect((await world.type(`users remove-factor ${id}`)).code).toBe(2)
    expect(await told(world)).toEqual([])
  })
})

/** The templates of the mails that wait, in no order. */
const told = (world: CommandWorld): Promise<string[]> =>
  world.inside(async ({ db }) => {
    const waiting = await db.selectFrom('deliveries').select('template').where('status', '=', 'queued').execute()
    return waiting.map(({ template }) => template).toSorted()
  })

/** What a mail that waits says. */
const mailOf = (world: CommandWorld, template: string): Promise<string> =>
  world.inside(async ({ db, secret }) => {
    const { id, sealed } = await db
      .selectFrom('deliveries')
      .select(['id', 'sealed'])
      .where('template', '=', template)
      .executeTakeFirstOrThrow()
    return Buffer.from(unseal(secret.key('outbox'), sealed!, id)!).toString()
  })

describe('what an operator does', () => {
  it.each([
    ['unlock', 'unlocked'],
    ['reset', 'password_voided'],
    ['end-sessions', 'sessions_ended'],
    ['deactivate', 'deactivated'],
  ])("users %s is on record, as the operator's", async (verb, type) => {
    const world = createCommandWorld()
    const { id } = await userWithSession(world, 'sara')
    await world.type(`users ${verb} ${id}`)
    const events = await world.inside(({ db }) => db.selectFrom('auditEvents').selectAll().execute())
    const event = events.find((event) => event.type === type)
    expect(event).toMatchObject({ userId: id, actor: 'operator', actorId: null, ip: null, result: 'success' })
  })

  it('that changes nothing tells the user nothing', async () => {
    const world = createCommandWorld()
    const id = await world.inside(({ db }) => insertUser(db, 'sara'))
    for (const verb of ['unlock', 'activate', 'end-sessions']) {
      expect((await world.type(`users ${verb} ${id} --json`)).json.told).toBe(false)
    }
    expect(await told(world)).toEqual([])
  })

  it('reaches the user by the server that runs next', async () => {
    const world = createCommandWorld()
    const { id } = await userWithSession(world, 'sara')
    await world.type(`users deactivate ${id}`)
    const server = await createWorld({
      settings: { DATA_DIR: world.dataDir },
      compose: { inMemory: false },
    })
    const [mail] = await server.inbox('sara@example.com')
    expect(mail?.subject).toBe('Your Latchkey account was deactivated')
  })
})

it.each(['unlock', 'reset', 'deactivate', 'activate', 'end-sessions', 'remove-factor --factor totp'])(
  'users %s says when there is no such user',
  async (verb) => {
    const world = await startedWorld()
    expect(await world.type(`users ${verb} nobody@example.com`)).toMatchObject({
      code: 1,
      err: 'There is no user nobody@example.com.',
    })
    expect((await world.type(`users ${verb} 7`)).err).toBe('There is no user 7.')
  },
)
