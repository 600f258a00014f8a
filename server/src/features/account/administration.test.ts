import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { DATABASES } from '../../../test/databases.ts'
import { insertUser, NOON } from '../../../test/database.ts'
import { noticesTo, recordedOf, verifiedUser, withApp, withTwoFactors } from '../../../test/factors.ts'
import { stopPostgres } from '../../../test/postgres.ts'
import { beginSignIn, codeOf, meBy } from '../../../test/second-step.ts'
import { UNLIMITED } from '../../../test/unlimited.ts'
import { atOnce } from '../../../test/wire.ts'
import { createWorld, type SignedIn, type World } from '../../../test/world.ts'
import { BY_OPERATOR } from '../../kernel/act.ts'
import { minutes } from '../../kernel/duration.ts'
import { systemRandom } from '../../kernel/random.ts'
import { createAudit } from '../audit/service.ts'
import { type AdministrationDeps, changeStanding } from './administration.ts'

afterAll(stopPostgres)

let world: World
let admin: SignedIn

beforeEach(async () => {
  world = await createWorld({ settings: UNLIMITED })
  admin = await world.admin()
})

const ask = (method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, body?: unknown, by = admin) =>
  world.call(method, `/api/admin/users/${path}`, { token: by.access, ...(body !== undefined && { body }) })

const OPERATIONS = [
  ['GET', '1/', undefined],
  ['PATCH', '1/', {}],
  ['DELETE', '1/sessions/', undefined],
  ['DELETE', '1/factors/totp/', undefined],
  ['POST', '', { email: 'new@example.com' }],
] as const

describe('administration', () => {
  it.each(OPERATIONS)('%s /api/admin/users/%s is for admins alone', async (method, path, body) => {
    const user = await world.signedInUser()
    expect(codeOf(await ask(method, path, body, user))).toEqual([403, 'permission_denied'])
    expect((await world.call(method, `/api/admin/users/${path}`)).status).toBe(401)
  })

  it.each([
    ['GET', '/', undefined],
    ['PATCH', '/', {}],
    ['DELETE', '/sessions/', undefined],
    ['DELETE', '/factors/totp/', undefined],
  ] as const)('%s of nobody%s is not found', async (method, path, body) => {
    for (const id of ['99', '0', '01', 'me', '9'.repeat(20)]) {
      expect(codeOf(await ask(method, `${id}${path}`, body))).toEqual([404, 'not_found'])
    }
  })

  it('wants a recent sign-in for what hands an account over', async () => {
    const user = await world.signedInUser()
    world.clock.turn(minutes(10))
    for (const [method, path] of [
      ['PATCH', `${user.id}/`],
      ['DELETE', `${user.id}/factors/totp/`],
    ] as const) {
      const body = method === 'PATCH' ? { is_admin: true } : undefined
      expect(codeOf(await ask(method, path, body))).toEqual([403, 'reauthentication_required'])
    }
    expect((await ask('DELETE', `${user.id}/sessions/`)).status).toBe(204)
  })

  it('shows the fields of a user, and its standing', async () => {
    const { id, email } = await verifiedUser(world)
    expect((await ask('GET', `${id}/`)).text).toBe(
      `{"id":${id},"email":"${email}","phone":null,"first_name":"","last_name":"","is_verified":true,"birthday":null,` +
        '"gender":null,"is_active":true,"is_admin":false,"two_factor":false}',
    )
  })
})

describe("a user's standing", () => {
  it('is closed, which ends every session and tells the user, and opened again, but for the sessions', async () => {
    const user = await world.signedInUser()
    expect((await ask('PATCH', `${user.id}/`, { is_active: false })).body).toMatchObject({
      id: user.id,
      is_active: false,
    })
    expect((await world.signIn(user)).status).toBe(401)
    expect((await ask('PATCH', `${user.id}/`, { is_active: true })).body.is_active).toBe(true)
    expect(await meBy(world, user.access)).toEqual([401, 'token_not_valid'])
    expect((await world.signIn(user)).status).toBe(200)
    expect((await noticesTo(world, user.email)).toSorted()).toEqual(['activated_for_you', 'deactivated_for_you'])
    expect(await recordedOf(world, user.id, ['deactivated', 'activated'])).toEqual([
      'activated: success',
      'deactivated: success',
    ])
  })

  it('rises to admin and falls again, at once', async () => {
    const user = await world.signedInUser()
    const list = () => world.call('GET', '/api/users/', { token: user.access })
    expect((await ask('PATCH', `${user.id}/`, { is_admin: true })).body.is_admin).toBe(true)
    expect((await list()).status).toBe(200)
    expect((await ask('PATCH', `${user.id}/`, { is_admin: false })).body.is_admin).toBe(false)
    expect((await list()).status).toBe(403)
    expect(await recordedOf(world, user.id, ['admin_granted', 'admin_revoked'])).toHaveLength(2)
  })

  it('that is so already stays as it is, and nothing is told', async () => {
    const user = await world.signedInUser()
    for (const body of [{}, { is_active: true, is_admin: false }]) {
      expect((await ask('PATCH', `${user.id}/`, body)).status).toBe(200)
    }
    expect(await meBy(world, user.access)).toEqual([200, undefined])
    expect(await noticesTo(world, user.email)).toEqual([])
    expect(await recordedOf(world, user.id, ['activated', 'admin_revoked'])).toEqual([])
  })

  it('takes true and false, and nothing like them', async () => {
    const { status, body } = await ask('PATCH', `${admin.id}/`, { is_active: 'false', is_admin: null })
    expect([status, Object.keys(body)]).toEqual([400, expect.arrayContaining(['is_active', 'is_admin'])])
  })

  it('of the last active admin stays, and that it was asked is on record', async () => {
    const closed = await world.admin()
    await ask('PATCH', `${closed.id}/`, { is_active: false })
    for (const body of [{ is_active: false }, { is_admin: false }, { is_active: false, is_admin: false }]) {
      expect(codeOf(await ask('PATCH', `${admin.id}/`, body))).toEqual([409, 'last_admin'])
    }
    expect((await ask('GET', `${admin.id}/`)).body).toMatchObject({ is_active: true, is_admin: true })
    expect(await recordedOf(world, admin.id, ['deactivated', 'admin_revoked'])).toEqual([
      'admin_revoked: failure',
      'deactivated: failure',
      'deactivated: failure',
    ])
  })
})

// Guard: `lockAdmins` locks each row, in one order. Seen failing on PostgreSQL: without the lock both are gone, and locked in
// whatever order they lie they wait for each other.
describe.each(DATABASES)('the last two admins on %s', (_, open) => {
  it('do not each rely on the other, ten times over', async (context) => {
    const db = await open(context)
    const deps: AdministrationDeps = {
      audit: createAudit({ random: systemRandom }),
      messages: { enqueue: async () => {}, wake: () => {} },
      defaultLanguage: 'en',
      rules: { emailAsSecondFactor: true },
    }
    for (let round = 0; round < 10; round++) {
      await db.updateTable('users').set({ adminSince: null }).execute()
      const ids = [
        await insertUser(db, `sara${round}`, { adminSince: NOON }),
        await insertUser(db, `omid${round}`, { adminSince: NOON }),
      ]
      const outcomes = await atOnce(20, (index) => {
        const wanted = index % 4 < 2 ? { isActive: false } : { isAdmin: false }
        const change = { userId: ids[index % 2]!, wanted }
        return db.transaction().execute((db) => changeStanding(db, deps, change, BY_OPERATOR, NOON))
      })
      expect(outcomes.some(({ kind }) => kind === 'last_admin')).toBe(true)
      const left = await db
        .selectFrom('users')
        .select('id')
        .where('adminSince', 'is not', null)
        .where('deactivatedAt', 'is', null)
        .execute()
      expect(left).toHaveLength(1)
    }
  })
})

describe("a user's sessions", () => {
  it('are all ended, those that wait for a second step too, and the user is told', async () => {
    const user = await verifiedUser(world)
    await withApp(world, user)
    await withTwoFactors(world, user)
    const candidate = await beginSignIn(world, user)
    expect((await ask('DELETE', `${user.id}/sessions/`)).status).toBe(204)
    expect(await meBy(world, user.access)).toEqual([401, 'token_not_valid'])
    const token = candidate.access
    expect((await world.call('POST', '/api/totp/verify/', { token, body: { code: '123456' } })).status).toBe(401)
    expect(await noticesTo(world, user.email)).toContain('sessions_ended_for_you')
    expect(await recordedOf(world, user.id, ['sessions_ended'])).toEqual(['sessions_ended: success'])
  })
})
