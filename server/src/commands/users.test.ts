import { describe, expect, it } from 'vitest'
import { type CommandWorld, createCommandWorld, startedWorld } from '../../test/command.ts'
import { insertUser, sessionRow } from '../../test/database.ts'
import { findSession } from '../features/sessions/service.ts'
import { findById } from '../features/users/service.ts'
import { emailKey, parseEmail } from '../kernel/address.ts'
import { keyedHash } from '../kernel/secret.ts'

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
    expect(json).toEqual({ id: sara.id, email: 'sara@example.com', sessions: 1 })
    expect((await sessionOf(world, sara.sessionId))?.endReason).toBe('ended_by_operator')
    expect((await sessionOf(world, omid.sessionId))?.endedAt).toBeNull()
  })
})

describe('users deactivate', () => {
  it('closes the account and ends its sessions; activate opens it again', async () => {
    const world = createCommandWorld()
    const { id, sessionId } = await userWithSession(world, 'sara')
    expect((await world.type(`users deactivate ${id}`)).out).toBe(
      'User 1, sara@example.com: The account is closed, 1 session ended.',
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
    expect(json).toEqual({ id, email: 'sara@example.com', sign_in_counters: 2, code_counters: 1 })
    await world.inside(async ({ db }) => {
      expect(await db.selectFrom('signInFailures').select('failures').execute()).toHaveLength(1)
      expect(await db.selectFrom('factorFailures').select('userId').execute()).toEqual([{ userId: omid.id }])
      expect(await db.selectFrom('devices').select('userId').execute()).toEqual([{ userId: id }])
    })
  })
})

it.each(['unlock', 'deactivate', 'activate', 'end-sessions'])(
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
