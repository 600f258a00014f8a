import { beforeEach, describe, expect, it } from 'vitest'
import { type CostedWorld, createCostedWorld } from '../../../test/costs.ts'
import { insertUser } from '../../../test/database.ts'
import { otherCodes, said, WRONG } from '../../../test/codes.ts'
import { PRODUCTION } from '../../../test/production.ts'
import { accounts, askToRegister, confirm, SARA } from '../../../test/registrations.ts'
import { UNLIMITED } from '../../../test/unlimited.ts'
import { sameButForItsId } from '../../../test/wire.ts'
import { createWorld, PASSWORD, type World } from '../../../test/world.ts'
import { days } from '../../kernel/duration.ts'
import { removeExpiredRegistrations } from './service.ts'

let world: World
let costs: CostedWorld['costs']

const start = async (settings: Readonly<Record<string, string>> = {}): Promise<void> => {
  ;({ world, costs } = await createCostedWorld({ REGISTRATION: 'neutral', ...settings }))
}

beforeEach(() => start())

const registered = async (email = SARA, from?: string): Promise<number> => {
  await askToRegister(world, email, from === undefined ? {} : { from })
  const { status, body } = await confirm(world, await world.codeTo(email), email, from)
  expect(status).toBe(201)
  return body.id as number
}

const subjectsTo = async (email: string): Promise<(string | undefined)[]> =>
  (await world.inbox(email)).map(({ subject }) => subject)

describe('a registration that answers alike', () => {
  it('makes the account once its code is proven, the e-mail verified at once', async () => {
    const asked = await askToRegister(world)
    expect([asked.status, asked.body]).toEqual([202, { status: 'A mail to this address is on its way' }])
    expect(await accounts(world)).toEqual([])
    expect((await world.signIn({ email: SARA, password: PASSWORD })).status).toBe(401)
    const { status, body, headers } = await confirm(world, await world.codeTo(SARA))
    const url = 'http://localhost:8000/api/users/1/'
    expect([status, body, headers['location']]).toEqual([
      201,
      { url, email: SARA, id: 1, first_name: 'Sara', last_name: '' },
      url,
    ])
    const { body: tokens } = await world.signIn({ email: SARA, password: PASSWORD })
    const me = await world.call('GET', '/api/users/me/', { token: tokens.access })
    expect(me.body).toMatchObject({ email_verified: true, is_verified: true })
    const user = await world.latchkey.foundation.db.selectFrom('users').selectAll().executeTakeFirstOrThrow()
    expect(user.emailFirstProvenAt).toEqual(world.clock.now())
  })

  it('is put on record: asked for, made, proven', async () => {
    await registered()
    await askToRegister(world, SARA, { from: '203.0.113.5' })
    const events = await world.latchkey.foundation.db.selectFrom('auditEvents').selectAll().execute()
    const told = events.map(({ type, result, userId, details }) => [type, result, userId, JSON.parse(details)])
    const address = 's***@example.com'
    expect(told).toHaveLength(4)
    expect(told).toEqual(
      expect.arrayContaining([
        ['registration_requested', 'success', null, { address, outcome: 'code_sent' }],
        ['registered', 'success', 1, { address }],
        ['email_verified', 'success', 1, { address }],
        ['registration_requested', 'failure', 1, { address, outcome: 'address_taken' }],
      ]),
    )
  })

  it('tells faults of the body as always, and beside them nothing of the address', async () => {
    await registered()
    const weak = await askToRegister(world, SARA, { password: 'short' })
    expect([weak.status, weak.body.code, Object.keys(weak.body)]).toEqual([
      400,
      'invalid',
      ['type', 'title', 'detail', 'code', 'request_id', 'password'],
    ])
  })

  it('is for admins what it always was', async () => {
    await registered()
    const { body: tokens } = await world.signIn({ email: SARA, password: PASSWORD })
    const token = tokens.access
    const body = { email: 'new@example.com', password: PASSWORD }
    expect((await world.call('POST', '/api/users/', { token, body })).status).toBe(403)
    const set = { adminSince: world.clock.now() }
    await world.latchkey.foundation.db.updateTable('users').set(set).execute()
    expect((await world.call('POST', '/api/users/', { token, body })).status).toBe(201)
    const taken = await world.call('POST', '/api/users/', { token, body: { ...body, password: 'short' } })
    expect([taken.status, taken.body.email]).toEqual([400, ['user with this email already exists.']])
  })

  it('answers 503 where no mail can leave, whatever the address', async () => {
    await registered()
    world = await createWorld({ settings: { REGISTRATION: 'neutral' }, compose: { gateways: {} } })
    const { status, body } = await askToRegister(world)
    expect([status, body.code]).toEqual([503, 'channel_unavailable'])
  })
})

describe('a taken address', () => {
  const TAKEN = [
    ['the very address', SARA],
    ['the address in capitals', 'SARA@EXAMPLE.COM'],
    ['another spelling of its mailbox', 's.ara+x@googlemail.com'],
  ] as const

  it.each(TAKEN)('%s: the same answer by the same statements, and a word to its owner alone', async (_, email) => {
    const owner = email.includes('google') ? 'sara@gmail.com' : SARA
    await registered(owner)
    const free = await costs(() => askToRegister(world, 'new@example.com'))
    await world.inbox()
    const taken = await costs(() => askToRegister(world, email, { from: '203.0.113.5' }))
    expect(sameButForItsId(taken.answer)).toEqual(sameButForItsId(free.answer))
    expect(taken.cost).toEqual(free.cost)
    const [told] = await world.inbox(owner)
    expect([told?.subject, told?.code]).toEqual(['You already have a Latchkey account', undefined])
    expect(told?.text).toContain('203.0.113.5')
    expect(await accounts(world)).toEqual([owner])
  })

  it('is mailed about in the language of its owner', async () => {
    await registered()
    await world.latchkey.foundation.db.updateTable('users').set({ language: 'fa' }).execute()
    await askToRegister(world, SARA, { from: '203.0.113.5' })
    expect((await subjectsTo(SARA))[0]).toBe('شما در Latchkey حساب دارید')
  })

  it('may be one that its former owner can still take back', async () => {
    const id = await registered()
    const { body: tokens } = await world.signIn({ email: SARA, password: PASSWORD })
    const token = tokens.access
    await world.call('PATCH', '/api/users/me/', { token, body: { email: 'sara.new@example.com' } })
    await world.call('POST', '/api/otp/verify/', { token, body: { code: await world.codeTo('sara.new@example.com') } })
    const free = await costs(() => askToRegister(world, 'new@example.com'))
    const reserved = await costs(() => askToRegister(world, SARA, { from: '203.0.113.5' }))
    expect(sameButForItsId(reserved.answer)).toEqual(sameButForItsId(free.answer))
    expect(reserved.cost).toEqual(free.cost)
    expect((await subjectsTo(SARA))[0]).toBe('You already have a Latchkey account')
    expect(id).toBe(1)
  })

  it('has a decoy, which takes wrong codes as a registration does', async () => {
    await registered()
    await askToRegister(world, 'new@example.com')
    await askToRegister(world, SARA, { from: '203.0.113.5' })
    const [wrong] = otherCodes(1, await world.codeTo('new@example.com'))
    const real = await costs(() => confirm(world, wrong, 'new@example.com'))
    const decoy = await costs(() => confirm(world, wrong, SARA, '203.0.113.5'))
    const nobody = await costs(() => confirm(world, wrong, 'nobody@example.com'))
    for (const { answer, cost } of [decoy, nobody]) {
      expect(sameButForItsId(answer)).toEqual(sameButForItsId(real.answer))
      expect(cost).toEqual(real.cost)
    }
    expect(said(real.answer)).toEqual(WRONG)
  })

  it('is no news where it was taken after the code was sent: one answer, and a mail to whoever proved it', async () => {
    await askToRegister(world)
    const code = await world.codeTo(SARA)
    await insertUser(world.latchkey.foundation.db, 'sara')
    expect(said(await confirm(world, code))).toEqual(WRONG)
    expect(await subjectsTo(SARA)).toContain('You already have a Latchkey account')
    expect(await accounts(world)).toEqual([SARA])
    expect(said(await confirm(world, code))).toEqual(WRONG)
  })
})

describe('around it', () => {
  it('rows are cleared away a day after their end', async () => {
    await askToRegister(world)
    const { db } = world.latchkey.foundation
    world.clock.turn(days(1))
    await removeExpiredRegistrations(db, world.clock.now())
    expect(await db.selectFrom('pendingRegistrations').selectAll().execute()).toEqual([])
  })

  it('a developer reads in the log what the answer does not tell, the address masked', async () => {
    await registered()
    await askToRegister(world, SARA, { from: '203.0.113.5' })
    expect(world.logged()).toContain('"outcome":"code_sent","address":"s***@example.com"')
    expect(world.logged()).toContain('"outcome":"address_taken","address":"s***@example.com"')
    expect(world.logged()).not.toContain(SARA)
  })

  it('the log of a production server tells nothing of it', async () => {
    await start(PRODUCTION)
    expect((await askToRegister(world)).status).toBe(202)
    expect(world.logged()).not.toContain('outcome')
  })

  it('without the setting there is no such path, and a registration is what it was', async () => {
    world = await createWorld({ settings: UNLIMITED })
    expect((await confirm(world, '123456')).status).toBe(405)
    expect((await askToRegister(world)).status).toBe(201)
    expect((await askToRegister(world)).body.email).toEqual(['user with this email already exists.'])
  })

  it('the document tells of it only where it is', async () => {
    const document = async () => (await world.call('GET', '/api/schema/?format=json')).body
    const neutral = await document()
    expect(Object.keys(neutral.paths['/api/users/'].post.responses)).toContain('202')
    expect(neutral.paths['/api/users/confirm/'].post.operationId).toBe('confirmRegistration')
    world = await createWorld()
    const open = await document()
    expect(Object.keys(open.paths['/api/users/'].post.responses)).not.toContain('202')
    expect(open.paths['/api/users/confirm/']).toBeUndefined()
  })
})
