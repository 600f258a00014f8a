import { beforeEach, describe, expect, it } from 'vitest'
import { createWorld, PASSWORD, type SignedIn, type World } from '../../../test/world.ts'
import { minutes, seconds } from '../../kernel/duration.ts'

const OLD = 'sara@example.com'
const NEW = 'sara@new.example'

let world: World
let sara: SignedIn

beforeEach(async () => {
  world = await createWorld()
  sara = await world.signedInUser(OLD)
})

const change = (body: unknown, { id, access }: SignedIn = sara) =>
  world.call('PATCH', `/api/users/${id}/`, { token: access, body })
const me = async ({ access }: SignedIn = sara) => (await world.call('GET', '/api/users/me/', { token: access })).body
const send = ({ access }: SignedIn = sara) =>
  world.call('POST', '/api/otp/send/', { token: access, body: { email_or_phone: 'email' } })
const verify = (code: string, { access }: SignedIn = sara) =>
  world.call('POST', '/api/otp/verify/', { token: access, body: { code } })

async function verifyEmail(user: SignedIn = sara): Promise<void> {
  expect((await send(user)).status).toBe(200)
  expect((await verify(await world.codeTo(user.email), user)).status).toBe(200)
}

describe('an unverified e-mail address', () => {
  it('changes at once, and the old one is free again', async () => {
    const { status, body } = await change({ email: NEW })
    expect([status, body]).toMatchObject([200, { email: NEW, is_verified: false }])
    expect(await me()).toMatchObject({ email: NEW, pending_email: null })
    expect((await world.signIn({ email: OLD, password: PASSWORD })).status).toBe(401)
    expect((await world.signIn({ email: NEW, password: PASSWORD })).status).toBe(200)
    expect((await world.signedInUser(OLD)).id).not.toBe(sara.id)
    expect(await world.inbox()).toEqual([])
  })

  it('makes a code to it worthless when it changes', async () => {
    await send()
    const code = await world.codeTo(OLD)
    await change({ email: NEW })
    expect((await verify(code)).body).toMatchObject({ status: 'Invalid Code' })
    await change({ email: OLD })
    expect((await verify(code)).status).toBe(400)
    expect(await me()).toMatchObject({ email_verified: false })
  })
})

describe('a verified e-mail address', () => {
  beforeEach(() => verifyEmail())

  it('stays verified in another spelling, without a code', async () => {
    const { status, body } = await change({ email: 'SARA@Example.com' })
    expect([status, body]).toMatchObject([200, { email: 'SARA@Example.com', is_verified: true }])
    expect(await me()).toMatchObject({ email_verified: true, pending_email: null })
    expect(await world.inbox()).toHaveLength(1)
  })

  it('stays until a code to the new one, sent at once, is proven', async () => {
    const { status, body } = await change({ email: NEW, first_name: 'Sara' })
    expect([status, body]).toMatchObject([200, { email: OLD, is_verified: true, first_name: 'Sara' }])
    expect(await me()).toMatchObject({ email: OLD, email_verified: true, pending_email: NEW })
    expect((await world.signIn({ email: NEW, password: PASSWORD })).status).toBe(401)
    const proven = await verify(await world.codeTo(NEW))
    expect([proven.status, proven.body]).toEqual([200, { status: 'User has Verified' }])
    expect(await me()).toMatchObject({ email: NEW, email_verified: true, pending_email: null })
    expect((await world.signIn({ email: NEW, password: PASSWORD })).body.email).toBe(NEW)
    expect((await world.signIn({ email: OLD, password: PASSWORD })).status).toBe(401)
  })

  it('gives way to the new one by a code asked for later, which goes to the new one', async () => {
    await change({ email: NEW })
    const first = await world.codeTo(NEW)
    expect((await send()).status).toBe(429)
    world.clock.turn(seconds(61))
    expect((await send()).status).toBe(200)
    const second = await world.codeTo(NEW)
    // The code of the first proof, and the notice.
    expect(await world.inbox(OLD)).toHaveLength(2)
    if (first !== second) expect((await verify(first)).status).toBe(400)
    expect((await verify(second)).status).toBe(200)
    expect(await me()).toMatchObject({ email: NEW, pending_email: null })
  })

  it('stays when it is set again: nothing is pending, and the code to the other is worthless', async () => {
    await change({ email: NEW })
    const code = await world.codeTo(NEW)
    const { status } = await change({ email: 'Sara@Example.com' })
    expect(status).toBe(200)
    expect(await me()).toMatchObject({ email: 'Sara@Example.com', email_verified: true, pending_email: null })
    const late = await verify(code)
    expect([late.status, late.body.status]).toEqual([400, 'User has Verified already'])
  })

  it('waits for one other address at a time', async () => {
    await change({ email: NEW })
    const former = await world.codeTo(NEW)
    await change({ email: 'sara@third.example' })
    expect(await me()).toMatchObject({ pending_email: 'sara@third.example' })
    const code = await world.codeTo('sara@third.example')
    if (former !== code) expect((await verify(former)).body).toMatchObject({ status: 'Invalid Code' })
    expect((await verify(code)).status).toBe(200)
    expect(await me()).toMatchObject({ email: 'sara@third.example' })
  })

  it('stays when the new one was taken meanwhile, and the code is used up', async () => {
    await change({ email: NEW })
    const code = await world.codeTo(NEW)
    const other = await world.signedInUser(NEW)
    const late = await verify(code)
    expect([late.status, late.body.email]).toEqual([400, ['user with this email already exists.']])
    expect((await verify(code)).body).toMatchObject({ status: 'Invalid Code' })
    expect(await me()).toMatchObject({ email: OLD, email_verified: true })
    expect(await me(other)).toMatchObject({ email: NEW, email_verified: false })
  })

  it('may be awaited by two, and goes to the one who proves it first', async () => {
    const other = await world.signedInUser()
    await verifyEmail(other)
    await change({ email: NEW })
    const mine = await world.codeTo(NEW)
    await change({ email: NEW }, other)
    const theirs = await world.codeTo(NEW)
    expect((await verify(theirs, other)).status).toBe(200)
    expect((await verify(mine)).status).toBe(400)
    expect([await me(), await me(other)]).toMatchObject([{ email: OLD }, { email: NEW }])
  })

  it('does not wait for an address that is taken, nor for one of a mailbox that is', async () => {
    await world.signedInUser('other@gmail.com')
    for (const email of ['Other@gmail.com', 'o.ther+x@googlemail.com']) {
      const { status, body } = await change({ email })
      expect([status, body.email]).toEqual([400, ['user with this email already exists.']])
    }
    expect(await me()).toMatchObject({ email: OLD, pending_email: null })
  })

  it('may change within its own mailbox, by a code as to any other', async () => {
    await change({ email: 'sara@gmail.com' })
    await verify(await world.codeTo('sara@gmail.com'))
    expect(await me()).toMatchObject({ email: 'sara@gmail.com' })
    expect((await change({ email: 's.ara@gmail.com' })).body.email).toBe('sara@gmail.com')
    expect((await verify(await world.codeTo('s.ara@gmail.com'))).status).toBe(200)
    expect(await me()).toMatchObject({ email: 's.ara@gmail.com', email_verified: true })
  })

  it('is changed by an admin at once, and is then unverified', async () => {
    const admin = await world.admin()
    await change({ email: 'sara@third.example' })
    const code = await world.codeTo('sara@third.example')
    const token = admin.access
    const { status, body } = await world.call('PATCH', `/api/users/${sara.id}/`, { token, body: { email: NEW } })
    expect([status, body]).toMatchObject([200, { email: NEW, is_verified: false }])
    expect(await me()).toMatchObject({ email: NEW, email_verified: false, pending_email: null })
    expect((await verify(code)).body).toMatchObject({ status: 'Invalid Code' })
    expect(await world.inbox(NEW)).toEqual([])
    await verifyEmail({ ...sara, email: NEW })
  })

  it('waits also where an admin changes his own', async () => {
    const admin = await world.admin()
    await verifyEmail(admin)
    expect((await change({ email: NEW }, admin)).body.email).toBe(admin.email)
    expect(await me(admin)).toMatchObject({ email: admin.email, pending_email: NEW })
  })
})

describe('the code to a new address', () => {
  it('counts as one asked for: past the quota nothing changes', async () => {
    world = await createWorld({ settings: { THROTTLE_OTP_SEND: '2/hour' } })
    sara = await world.signedInUser(OLD)
    await verifyEmail()
    expect((await change({ email: NEW })).status).toBe(200)
    const { status, headers } = await change({ email: 'sara@third.example', first_name: 'Sara' })
    expect([status, headers['retry-after']]).toEqual([429, expect.stringMatching(/^\d+$/)])
    expect(await me()).toMatchObject({ pending_email: NEW, first_name: '' })
  })

  it('is over when its time is, and the change waits on', async () => {
    await verifyEmail()
    await change({ email: NEW })
    const code = await world.codeTo(NEW)
    world.clock.turn(minutes(2))
    expect((await verify(code)).status).toBe(400)
    expect(await me()).toMatchObject({ email: OLD, pending_email: NEW })
  })

  it('cannot leave without a gateway: 503 before anything is changed', async () => {
    world = await createWorld({ compose: { gateways: {} } })
    sara = await world.signedInUser(OLD)
    const { db } = world.latchkey.foundation
    expect((await change({ email: 'sara@second.example' })).body.email).toBe('sara@second.example')
    await db.updateTable('users').set({ emailVerifiedAt: world.clock.now() }).execute()
    const { status, body } = await change({ email: NEW, first_name: 'Sara' })
    expect([status, body.code]).toEqual([503, 'channel_unavailable'])
    expect(await me()).toMatchObject({ email: 'sara@second.example', pending_email: null, first_name: '' })
    expect((await change({ email: 'SARA@second.example', first_name: 'Sara' })).status).toBe(200)
  })
})

it('leaves no session with a proof of an address that another has taken the place of', async () => {
  await verifyEmail()
  const elsewhere = { ...sara, ...(await world.signIn(sara)).body }
  await change({ email: NEW }, elsewhere)
  expect((await verify(await world.codeTo(NEW), elsewhere)).status).toBe(200)

  world.clock.turn(minutes(2))
  expect(await send(sara)).toMatchObject({ status: 200 })
  expect((await send(elsewhere)).body).toMatchObject({ status: 'User already is verified' })
})
