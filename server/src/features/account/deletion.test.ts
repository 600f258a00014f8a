import { sql } from 'kysely'
import { beforeEach, describe, expect, it } from 'vitest'
import { createSoftPasskey } from '../../../test/authenticator.ts'
import { change, verifyEmail } from '../../../test/changes.ts'
import { recordedOf, succeeded, withApp, withTwoFactors } from '../../../test/factors.ts'
import { register } from '../../../test/passkeys.ts'
import { createWorld, PASSWORD, type SignedIn, type World } from '../../../test/world.ts'
import { minutes } from '../../kernel/duration.ts'

const EMAIL = 'sara@example.com'
const PHONE = '+989123456789'

let world: World
let sara: SignedIn

beforeEach(async () => {
  world = await createWorld()
  sara = await world.signedInUser(EMAIL)
})

const remove = (id: number | 'me', token: string) => world.call('DELETE', `/api/users/${id}/`, { token })

/** Every row of every table, as text. */
async function everything(): Promise<Map<string, string[]>> {
  const { db } = world.latchkey.foundation
  const dump = new Map<string, string[]>()
  for (const { name } of await db.introspection.getTables()) {
    const { rows } = await sql`select * from ${sql.table(name)}`.execute(db)
    const texts = rows.map((row) => JSON.stringify(row))
    dump.set(name, texts)
  }
  return dump
}

/** Leaves a trace of the user wherever one can be left. */
async function liveALittle(): Promise<void> {
  const body = { email: EMAIL, password: PASSWORD, device: 'new' }
  expect((await world.call('POST', '/api/token/', { body })).body.device).toBeDefined()
  const token = sara.access
  await world.call('PATCH', '/api/users/me/', { token, body: { phone: PHONE, first_name: 'Sarvenaz' } })
  for (const channel of ['email', 'phone']) {
    expect((await world.call('POST', '/api/otp/send/', { token, body: { email_or_phone: channel } })).status).toBe(200)
  }
  expect((await world.call('POST', '/api/otp/verify/', { token, body: { code: '100000' } })).status).toBe(400)
  world.clock.turn(minutes(1))
  await verifyEmail(world, sara)
  await withApp(world, sara)
  succeeded(await register(world, sara, createSoftPasskey()))
  succeeded(await change(world, sara, { email: 'sarvenaz@new.example' }))
  succeeded(await world.call('POST', '/api/password/reset/', { body: { email: EMAIL } }))
  await withTwoFactors(world, sara)
  succeeded(await world.signIn(sara))
}

/** Everything that hangs on a user. */
const TABLES = [
  'users',
  'sessions',
  'pending_sign_ins',
  'challenges',
  'factor_failures',
  'totps',
  'recovery_codes',
  'passkeys',
  'password_tokens',
  'address_changes',
  'devices',
]

describe('a deleted account', () => {
  it('answers 204 and nothing else', async () => {
    const { status, text, headers } = await remove(sara.id, sara.access)
    expect([status, text]).toEqual([204, ''])
    expect(headers['content-type']).toBeUndefined()
    const admin = await world.admin()
    expect((await remove(sara.id, admin.access)).body.detail).toBe('No User matches the given query.')
    expect((await world.call('GET', `/api/users/${sara.id}/`, { token: admin.access })).status).toBe(404)
  })

  it('takes everything with it that hung on it', async () => {
    await liveALittle()
    const held = await everything()
    for (const table of [...TABLES, 'deliveries']) {
      expect([table, held.get(table)?.length]).toEqual([table, expect.any(Number)])
      expect([table, held.get(table)]).not.toEqual([table, []])
    }
    expect((await remove('me', sara.access)).status).toBe(204)
    const left = await everything()
    for (const table of TABLES) expect([table, left.get(table)]).toEqual([table, []])
    const text = JSON.stringify([...left])
    for (const trace of [EMAIL, PHONE, 'Sarvenaz', 'sarvenaz@new.example']) expect(text).not.toContain(trace)
    expect(left.get('deliveries')?.every((row) => row.includes('"userId":null'))).toBe(true)
  })

  it('stays on record: that it was, whose it was, and who deleted it', async () => {
    const admin = await world.admin()
    expect((await remove(admin.id, admin.access)).status).toBe(409)
    await remove(sara.id, admin.access)
    const { db } = world.latchkey.foundation
    const events = db.selectFrom('auditEvents').select(['type', 'result', 'userId', 'actorId'])
    expect(await events.where('type', '=', 'account_deleted').orderBy('userId').execute()).toEqual([
      { type: 'account_deleted', result: 'success', userId: sara.id, actorId: admin.id },
      { type: 'account_deleted', result: 'failure', userId: admin.id, actorId: admin.id },
    ])
    expect(await recordedOf(world, sara.id, ['registered', 'signed_in'])).toHaveLength(2)
  })

  it('is told to its verified address, and to no other, which may be a stranger of this account', async () => {
    await verifyEmail(world, sara)
    const squatter = await world.signedInUser('stranger@example.com')
    expect((await remove('me', sara.access)).status).toBe(204)
    expect((await remove('me', squatter.access)).status).toBe(204)
    expect((await world.inbox(EMAIL))[0]?.subject).toBe('Your Latchkey account was deleted')
    expect(await world.inbox('stranger@example.com')).toEqual([])
  })

  it('is unknown to every token it was given, and to sign-in', async () => {
    await remove('me', sara.access)
    const read = await world.call('GET', '/api/users/me/', { token: sara.access })
    expect([read.status, read.body.code]).toEqual([401, 'user_not_found'])
    const refreshed = await world.call('POST', '/api/token/refresh/', { body: { refresh: sara.refresh } })
    expect([refreshed.status, refreshed.body.detail]).toEqual([401, 'Token is blacklisted'])
    const verified = await world.call('POST', '/api/token/verify/', { body: { token: sara.refresh } })
    expect([verified.status, verified.body.non_field_errors]).toEqual([400, ['Token is blacklisted']])
    const signedIn = await world.signIn(sara)
    expect([signedIn.status, signedIn.body.code]).toEqual([401, 'no_active_account'])
  })

  it('leaves its address to whoever comes, its number to nobody', async () => {
    await remove('me', sara.access)
    const next = await world.signedInUser(EMAIL)
    expect(next.id).toBeGreaterThan(sara.id)
    const { status, body } = await world.call('GET', '/api/users/me/', { token: sara.access })
    expect([status, body.code]).toEqual([401, 'user_not_found'])
    expect((await world.call('GET', `/api/users/${next.id}/`, { token: sara.access })).status).toBe(401)
    expect((await world.call('POST', '/api/token/refresh/', { body: { refresh: sara.refresh } })).status).toBe(401)
  })

  it('leaves a verified number to others', async () => {
    const token = sara.access
    await world.call('PATCH', '/api/users/me/', { token, body: { phone: PHONE } })
    await world.call('POST', '/api/otp/send/', { token, body: { email_or_phone: 'phone' } })
    await world.call('POST', '/api/otp/verify/', { token, body: { code: await world.codeTo(PHONE) } })
    await remove('me', token)
    const { access } = await world.signedInUser()
    await world.call('PATCH', '/api/users/me/', { token: access, body: { phone: PHONE } })
    await world.call('POST', '/api/otp/send/', { token: access, body: { email_or_phone: 'phone' } })
    const code = await world.codeTo(PHONE)
    expect((await world.call('POST', '/api/otp/verify/', { token: access, body: { code } })).status).toBe(200)
  })

  it('never gives its number back, the highest no more than another', async () => {
    const seen = new Set([sara.id])
    for (let round = 0; round < 5; round++) {
      const user = await world.signedInUser(`guest${round}@example.com`)
      expect(seen.has(user.id)).toBe(false)
      seen.add(user.id)
      expect((await remove('me', user.access)).status).toBe(204)
    }
  })
})

describe('the last admin', () => {
  it('cannot be deleted, by whatever path', async () => {
    const admin = await world.admin()
    for (const id of [admin.id, 'me'] as const) {
      const { status, body } = await remove(id, admin.access)
      expect([status, body.code]).toEqual([409, 'last_admin'])
    }
    expect((await world.call('GET', '/api/users/me/', { token: admin.access })).status).toBe(200)
    expect((await remove(sara.id, admin.access)).status).toBe(204)
  })

  it('is whoever is left of several', async () => {
    const [first, second] = [await world.admin(), await world.admin()]
    expect((await remove(first.id, second.access)).status).toBe(204)
    expect((await remove('me', second.access)).status).toBe(409)
  })

  it('is the last who is active: a deactivated one does not count', async () => {
    const [first, second] = [await world.admin(), await world.admin()]
    const closed = { deactivatedAt: world.clock.now() }
    const { db } = world.latchkey.foundation
    await db.updateTable('users').set(closed).where('id', '=', first.id).execute()
    expect((await remove('me', second.access)).status).toBe(409)
    expect((await remove(first.id, second.access)).status).toBe(204)
    expect((await remove('me', second.access)).status).toBe(409)
  })
})
