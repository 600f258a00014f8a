import { beforeEach, describe, expect, it } from 'vitest'
import { CompiledQuery } from 'kysely'
import { UNLIMITED } from '../../../test/unlimited.ts'
import { createWorld, type SignedIn, type World } from '../../../test/world.ts'
import { NOON, openForTest } from '../../../test/database.ts'
import { recordEvents } from '../../../test/audit.ts'
import { type Act, actOf, BY_OPERATOR, BY_SYSTEM } from '../../kernel/act.ts'
import { minutes, seconds } from '../../kernel/duration.ts'
import { sealDue } from './sealer.ts'
import type { AuditEvent } from './service.ts'
import { type EventFilter, type IdRange, newest } from './store.ts'
import { createAudit } from './service.ts'
import { systemRandom } from '../../kernel/random.ts'

let world: World
let user: SignedIn
let admin: SignedIn

beforeEach(async () => {
  world = await createWorld({ settings: UNLIMITED })
  user = await world.signedInUser()
  admin = await world.admin()
})

const audit = createAudit({ random: systemRandom })

const record = (act: Act, event: AuditEvent) =>
  audit.record(world.latchkey.foundation.db, act, event, world.clock.now())

const from = (ip: string): Act => ({ ...BY_SYSTEM, actor: { kind: 'anonymous' }, ip, requestId: 'req_x' })

const activity = (query = '', { access: token } = user) => world.call('GET', `/api/activity/${query}`, { token })
const audited = (query = '', { access: token } = admin) => world.call('GET', `/api/audit/${query}`, { token })

const typesIn = ({ body }: { body: { results: { type: string }[] } }) => body.results.map(({ type }) => type)

/** Every page from a first one on, each asked by the link of the one before. */
async function follow(first: string, ask: (path: string) => ReturnType<typeof audited>) {
  const pages: string[][] = []
  for (let next: string | null = first; next !== null;) {
    const { body } = await ask(new URL(next, 'http://localhost:8000').search)
    pages.push(body.results.map(({ id }: { id: string }) => id))
    next = body.next
  }
  return pages
}

describe('the activity of an account', () => {
  it('is what happened to it, newest first, and by whom', async () => {
    const id = user.id
    const fromAdmin = actOf(from('192.0.2.9'), admin.id)
    for (const [act, type] of [
      [from('192.0.2.8'), 'sign_in_failed'],
      [actOf(from('192.0.2.7'), id), 'profile_changed'],
      [fromAdmin, 'email_changed'],
      [BY_OPERATOR, 'unlocked'],
      [BY_SYSTEM, 'method_locked'],
    ] as const) {
      world.clock.turn(seconds(1))
      await record(act, { type, userId: id, details: { some: 'thing' } })
    }
    const { status, body } = await activity('?limit=5')
    expect(status).toBe(200)
    const told = body.results.map(({ type, by, ip }: Record<string, unknown>) => [type, by, ip])
    expect(told).toEqual([
      ['method_locked', 'system', null],
      ['unlocked', 'operator', null],
      ['email_changed', 'admin', null],
      ['profile_changed', 'you', '192.0.2.7'],
      ['sign_in_failed', 'anonymous', '192.0.2.8'],
    ])
    expect(body.results[0]).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      at: world.clock.now().toISOString(),
      type: 'method_locked',
      result: 'success',
      by: 'system',
      ip: null,
      device: null,
      details: { some: 'thing' },
    })
  })

  it('shows nothing of anybody else, not even to an admin', async () => {
    await record(BY_OPERATOR, { type: 'unlocked', userId: user.id })
    await record(actOf(from('192.0.2.7'), user.id), { type: 'profile_changed', userId: admin.id })
    await record(BY_OPERATOR, { type: 'secret_changed', userId: null })
    expect(typesIn(await activity())).not.toContain('profile_changed')
    expect(typesIn(await activity('', admin))).not.toContain('unlocked')
    expect(typesIn(await activity('', admin))).not.toContain('secret_changed')
  })

  it('tells of a failed sign-in and of the one that succeeded, with where it came from', async () => {
    world.clock.turn(seconds(1))
    await world.call('POST', '/api/token/', {
      body: { email: user.email, password: 'Wrong-Horse-7' },
      from: '192.0.2.66',
    })
    const [failed] = (await activity()).body.results
    expect(failed).toMatchObject({
      type: 'sign_in_failed',
      result: 'failure',
      by: 'anonymous',
      ip: '192.0.2.66',
      details: { reason: 'wrong_password' },
    })
    expect(typesIn(await activity())).toContain('signed_in')
  })

  it('comes in pages of twenty unless asked for more or fewer, none twice and none left out', async () => {
    await Promise.all(Array.from({ length: 45 }, () => record(BY_OPERATOR, { type: 'unlocked', userId: user.id })))
    const all = (await activity('?limit=100')).body.results.map(({ id }: { id: string }) => id)
    expect(all.length).toBeGreaterThan(45)
    expect((await activity()).body.results).toHaveLength(20)
    expect((await activity('?limit=junk')).body.results).toHaveLength(20)
    expect((await activity('?limit=1000')).body.next).toBeNull()
    const pages = await follow('/api/activity/?limit=7', activity)
    expect(pages.flat()).toEqual(all)
    expect(pages.slice(0, -1).every((page) => page.length === 7)).toBe(true)
  })

  it('is told to whoever is signed in alone', async () => {
    expect((await world.call('GET', '/api/activity/')).status).toBe(401)
  })
})

describe('the audit', () => {
  it('is for admins alone', async () => {
    expect((await audited('', user)).status).toBe(403)
    expect((await world.call('GET', '/api/audit/')).status).toBe(401)
  })

  it('tells everything of an event, and its number once it is sealed', async () => {
    const act = { ...actOf(from('192.0.2.9'), admin.id), userAgent: 'curl/8.11.0' }
    await record(act, { type: 'admin_granted', userId: user.id, result: 'failure' })
    const [event] = (await audited('?event=admin_granted')).body.results
    expect(event).toEqual({
      id: expect.any(String),
      number: null,
      at: world.clock.now().toISOString(),
      type: 'admin_granted',
      result: 'failure',
      user_id: user.id,
      actor: 'user',
      actor_id: admin.id,
      ip: '192.0.2.9',
      device: expect.any(String),
      request_id: 'req_x',
      details: {},
    })
    const { db, secret } = world.latchkey.foundation
    const { number } = (await sealDue(db, { secret, clock: world.clock, holder: 'this process' }))!
    expect((await audited()).body.results[0].number).toBe(number)
  })

  it('records unknown accounts whose sign-in failed, and says nothing of what was typed', async () => {
    await world.call('POST', '/api/token/', { body: { email: 'nobody@example.com', password: 'Wrong-Horse-7' } })
    const { text, body } = await audited('?event=sign_in_failed')
    expect(body.results).toMatchObject([{ user_id: null, actor: 'anonymous', details: { reason: 'unknown_account' } }])
    expect(text).not.toContain('nobody')
  })

  it('is narrowed by whom, by what and by when, each with the others', async () => {
    const start = world.clock.now()
    world.clock.turn(minutes(1))
    await record(BY_OPERATOR, { type: 'unlocked', userId: user.id })
    world.clock.turn(minutes(1))
    await record(actOf(from('192.0.2.9'), admin.id), { type: 'deactivated', userId: user.id, result: 'failure' })
    const end = world.clock.now().toISOString()
    const types = async (query: string) => typesIn(await audited(query))
    expect(await types(`?user=${user.id}&since=${start.toISOString()}&event=unlocked`)).toEqual(['unlocked'])
    expect(await types('?actor=operator')).toEqual(['unlocked'])
    expect(await types(`?actor=${admin.id}&event=deactivated`)).toEqual(['deactivated'])
    expect(await types(`?actor=user&result=failure`)).toEqual(['deactivated'])
    expect(await types('?actor=system')).toEqual([])
    expect(await types(`?since=${end}`)).toEqual(['deactivated'])
    expect(await types(`?until=${end}`)).not.toContain('deactivated')
    expect(await types(`?until=${end}`)).toContain('unlocked')
    expect(await types(`?user=${user.id}&since=2026-11-22T12:31:00%2B03:30`)).toEqual(['deactivated', 'unlocked'])
    expect(await types(`?user=${user.id}&since=2026-11-22T12:31:00+03:30`)).toEqual(['deactivated', 'unlocked'])
    expect(await types('?since=2199-01-01T00:00:00Z')).toEqual([])
    expect(await types('?until=1901-01-01T00:00:00Z')).toEqual([])
    expect((await audited('?since=1901-01-01T00:00:00Z&limit=100')).body.results.length).toBeGreaterThan(4)
  })

  it('keeps its filters from page to page, in links that begin like the request', async () => {
    for (let made = 0; made < 5; made++) await record(BY_OPERATOR, { type: 'unlocked', userId: user.id })
    const { body } = await audited('?event=unlocked&limit=2')
    expect(body.next).toMatch(/^http:\/\/localhost:8000\/api\/audit\/\?cursor=[\w-]{22}&event=unlocked&limit=2$/)
    const pages = await follow('/api/audit/?event=unlocked&limit=2', audited)
    expect(pages.map((page) => page.length)).toEqual([2, 2, 1])
    expect(new Set(pages.flat()).size).toBe(5)
  })

  it('shows an event that comes meanwhile on no later page', async () => {
    for (let made = 0; made < 3; made++) await record(BY_OPERATOR, { type: 'unlocked', userId: user.id })
    const { body } = await audited('?event=unlocked&limit=2')
    world.clock.turn(minutes(1))
    await record(BY_OPERATOR, { type: 'unlocked', userId: user.id })
    expect((await audited(new URL(body.next).search)).body.results).toHaveLength(1)
  })

  it.each([
    ['user', 'abc', 'A valid integer is required.'],
    ['user', '0', 'A valid integer is required.'],
    ['user', '01', 'A valid integer is required.'],
    ['user', '', 'A valid integer is required.'],
    ['user', '1&user=2', 'A valid integer is required.'],
    ['actor', 'robot', '"robot" is not a valid choice.'],
    ['actor', '-1', '"-1" is not a valid choice.'],
    ['event', 'dismissed', '"dismissed" is not a valid choice.'],
    ['result', '', '"" is not a valid choice.'],
    ['since', 'yesterday', expect.stringContaining('Datetime has wrong format')],
    ['since', '2026-02-30T00:00:00Z', expect.stringContaining('Datetime has wrong format')],
    ['until', '2026-11-22', expect.stringContaining('Datetime has wrong format')],
    ['until', '2026-11-22T12:00:00', expect.stringContaining('Datetime has wrong format')],
    ['cursor', 'junk', 'Invalid cursor'],
    ['cursor', '', 'Invalid cursor'],
    ['cursor', 'AZKqO1uIcAyQ2Ui7lvT9bh', 'Invalid cursor'],
    ['cursor', 'AZKqO1uIcAyQ2Ui7lvT9bgA', 'Invalid cursor'],
  ])('refuses %s=%s and names the field', async (field, value, text) => {
    const { status, body } = await audited(`?${field}=${value}`)
    expect([status, body.code, body[field]]).toEqual([400, 'invalid', [text]])
  })

  it('refuses a bad cursor of the activity alike, in the reader’s language', async () => {
    const { access: token } = user
    const asked = await world.call('GET', '/api/activity/?cursor=!', { token, headers: { 'accept-language': 'fa' } })
    expect([asked.status, asked.body.cursor]).toEqual([400, ['نشانگر صفحه نامعتبر است.']])
  })
})

describe('a page costs the same however many events there are', () => {
  const ANY: IdRange = { from: undefined, before: [] }
  const ID = '0192aa3b-5b88-7008-8c90-d9489bb94fbd'

  it.each<[string, EventFilter, IdRange, string]>([
    ['all', {}, ANY, 'sqlite_autoindex_audit_events_1'],
    ['after a cursor', {}, { from: undefined, before: [ID] }, 'sqlite_autoindex_audit_events_1'],
    ['between two moments', {}, { from: ID, before: [ID] }, 'sqlite_autoindex_audit_events_1'],
    ['of a user', { userId: 5 }, { from: undefined, before: [ID] }, 'audit_events_user'],
    ['of a type', { type: 'signed_in' }, { from: ID, before: [ID] }, 'audit_events_type'],
    ['by a user', { actor: 5 }, ANY, 'audit_events_actor'],
    ['by the operator', { actor: 'operator' }, ANY, 'audit_events_actor'],
  ])('%s', async (_, filter, range, index) => {
    const db = await openForTest()
    await recordEvents(db, 10, NOON)
    const { sql, parameters } = newest(db, filter, range, 21).compile()
    const plan = await db.executeQuery<{ detail: string }>(
      CompiledQuery.raw(`explain query plan ${sql}`, [...parameters]),
    )
    expect(plan.rows.map(({ detail }) => detail)).toEqual([expect.stringContaining(`USING INDEX ${index}`)])
  })
})
