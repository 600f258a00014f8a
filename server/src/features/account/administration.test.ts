import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { DATABASES } from '../../../test/databases.ts'
import { insertUser, NOON } from '../../../test/database.ts'
import {
  makeRecoveryCodes,
  noticesTo,
  recordedOf,
  verifiedUser,
  withApp,
  withTwoFactors,
} from '../../../test/factors.ts'
import { stopPostgres } from '../../../test/postgres.ts'
import { beginSignIn, meBy } from '../../../test/second-step.ts'
import { UNLIMITED } from '../../../test/unlimited.ts'
import { atOnce, statuses } from '../../../test/wire.ts'
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

const codeOf = ({ status, body }: { status: number; body: { code?: unknown } }) => [status, body.code]

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

describe('a factor that was lost', () => {
  const remove = (user: SignedIn, factor: string) => ask('DELETE', `${user.id}/factors/${factor}/`)

  it('is removed, and two factors stay on while another is left', async () => {
    const user = await verifiedUser(world)
    await withApp(world, user)
    await withTwoFactors(world, user)
    expect((await remove(user, 'totp')).body).toMatchObject({ id: user.id, two_factor: true })
    expect((await beginSignIn(world, user)).methods).toEqual(['email', 'recovery_code'])
    expect((await remove(user, 'recovery_code')).body.two_factor).toBe(true)
    expect((await beginSignIn(world, user)).methods).toEqual(['email'])
    expect(await recordedOf(world, user.id, ['totp_removed', 'recovery_codes_removed', 'two_factor_off'])).toEqual([
      'recovery_codes_removed: success',
      'totp_removed: success',
    ])
    expect((await noticesTo(world, user.email)).filter((kind) => kind.endsWith('_for_you'))).toEqual([
      'factors_removed_for_you',
      'factors_removed_for_you',
    ])
  })

  it('takes two factors with it when nothing is left to pass the second step', async () => {
    await restart({ EMAIL_AS_SECOND_FACTOR: 'false' })
    const user = await verifiedUser(world)
    await withApp(world, user)
    await withTwoFactors(world, user)
    expect((await remove(user, 'recovery_code')).body.two_factor).toBe(true)
    expect((await remove(user, 'totp')).body.two_factor).toBe(false)
    expect((await world.signIn(user)).body.second_factor).toBeUndefined()
    expect(await recordedOf(world, user.id, ['two_factor_off'])).toEqual(['two_factor_off: success'])
    const told = (await noticesTo(world, user.email)).filter((kind) => kind.endsWith('_for_you'))
    expect(told.toSorted()).toEqual(['factors_removed_for_you', 'factors_removed_for_you', 'two_factor_off_for_you'])
  })

  it('can be the need for two of them itself; what there is stays', async () => {
    const user = await verifiedUser(world)
    await withApp(world, user)
    await withTwoFactors(world, user)
    expect((await remove(user, 'two_factor')).body.two_factor).toBe(false)
    expect((await world.signIn(user)).body.second_factor).toBeUndefined()
    const { db } = world.latchkey.foundation
    expect(await db.selectFrom('totps').select('id').where('userId', '=', user.id).execute()).toHaveLength(1)
    expect((await noticesTo(world, user.email)).filter((kind) => kind.endsWith('_for_you'))).toEqual([
      'two_factor_off_for_you',
    ])
  })

  it('is every passkey there is', async () => {
    const user = await verifiedUser(world)
    const { db } = world.latchkey.foundation
    for (const name of ['a', 'b']) await db.insertInto('passkeys').values(passkeyRow(user.id, name)).execute()
    expect((await remove(user, 'passkey')).status).toBe(200)
    expect(await db.selectFrom('passkeys').select('id').execute()).toEqual([])
  })

  it('is not found where the user has none, and where there is no such kind', async () => {
    const user = await verifiedUser(world)
    for (const factor of ['totp', 'passkey', 'recovery_code', 'two_factor', 'phone', 'constructor']) {
      expect(codeOf(await remove(user, factor))).toEqual([404, 'not_found'])
    }
    expect(await noticesTo(world, user.email)).toEqual([])
  })

  it('is removed once for twenty at once, and is told of once', async () => {
    const user = await verifiedUser(world)
    await makeRecoveryCodes(world, user)
    expect(statuses(await atOnce(20, () => remove(user, 'recovery_code')))).toEqual({ 200: 1, 404: 19 })
    expect((await noticesTo(world, user.email)).filter((kind) => kind.endsWith('_for_you'))).toHaveLength(1)
  })

  it("is never the admin's own: those go by the routes of every user", async () => {
    expect(codeOf(await remove(admin, 'two_factor'))).toEqual([403, 'permission_denied'])
  })
})

async function restart(settings: Readonly<Record<string, string>>): Promise<void> {
  world = await createWorld({ settings: { ...UNLIMITED, ...settings } })
  admin = await world.admin()
}

const passkeyRow = (userId: number, name: string) => ({
  id: `019ab0c1-7d2e-7a53-9c41-2b6f0e8d5a1${name}`,
  userId,
  credentialId: name,
  publicKey: systemRandom.bytes(32),
  userHandle: systemRandom.bytes(32),
  signCount: 0,
  transports: '',
  isBackupEligible: false,
  isBackedUp: false,
  name,
  createdAt: NOON,
})

describe('an invitation', () => {
  it('makes an account without a password and mails its owner, in his language, how to set one', async () => {
    const body = { email: 'Sara@Example.com', first_name: 'سارا', last_name: 'کریمی', language: 'fa' }
    const { status, headers, body: summary } = await ask('POST', '', body)
    expect(status).toBe(201)
    expect(summary).toEqual({
      url: `http://localhost:8000/api/users/${summary.id}/`,
      email: 'Sara@Example.com',
      id: summary.id,
      first_name: 'سارا',
      last_name: 'کریمی',
    })
    expect(headers['location']).toBe(summary.url)
    const [mail] = await world.inbox('Sara@Example.com')
    expect(mail?.html).toContain('dir="rtl"')
    expect((await ask('GET', `${summary.id}/`)).body).toMatchObject({ is_active: true, is_verified: false })
    const { db } = world.latchkey.foundation
    expect(await db.selectFrom('users').select('passwordHash').where('id', '=', summary.id).executeTakeFirst()).toEqual(
      {
        passwordHash: '!',
      },
    )
    expect(await recordedOf(world, summary.id, ['invited', 'registered'])).toEqual(['invited: success'])
  })

  it('is refused like a registration where the address is taken or is none, and sends nothing', async () => {
    const user = await world.signedInUser()
    const taken = await ask('POST', '', { email: user.email.toUpperCase(), first_name: 7 })
    expect([taken.status, taken.body.email, taken.body.first_name]).toEqual([
      400,
      ['user with this email already exists.'],
      ['Not a valid string.'],
    ])
    expect((await ask('POST', '', {})).body.email).toEqual(['This field is required.'])
    expect(await world.inbox(user.email)).toEqual([])
  })

  it('goes to one of twenty at once', async () => {
    expect(statuses(await atOnce(20, () => ask('POST', '', { email: 'sara@example.com' })))).toEqual({
      201: 1,
      400: 19,
    })
    expect(await world.inbox('sara@example.com')).toHaveLength(1)
  })
})
