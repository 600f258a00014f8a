import { beforeEach, describe, expect, it } from 'vitest'
import { createWorld, type SignedIn, type World } from '../../../test/world.ts'

const PHONE = '+989123456789'
const OTHER_PHONE = '+989351234567'

let world: World
let sara: SignedIn

beforeEach(async () => {
  world = await createWorld()
  sara = await world.signedInUser()
})

const change = (phone: string | null, { access }: SignedIn = sara) =>
  world.call('PATCH', '/api/users/me/', { token: access, body: { phone } })
const me = async ({ access }: SignedIn = sara) => (await world.call('GET', '/api/users/me/', { token: access })).body
const send = ({ access }: SignedIn = sara) =>
  world.call('POST', '/api/otp/send/', { token: access, body: { email_or_phone: 'phone' } })
const verify = (code: string, { access }: SignedIn = sara) =>
  world.call('POST', '/api/otp/verify/', { token: access, body: { code } })

async function verifiedPhone(phone: string, user: SignedIn = sara): Promise<void> {
  expect((await change(phone, user)).body.phone).toBe(phone)
  expect((await send(user)).status).toBe(200)
  expect((await verify(await world.codeTo(phone), user)).status).toBe(200)
}

describe('a phone number', () => {
  it('is none at first, so no code can be sent', async () => {
    const { status, body } = await send()
    expect([status, body.status]).toEqual([400, 'User Phone Number has not submited'])
  })

  it('is set at once and verified by its code', async () => {
    await verifiedPhone(PHONE)
    expect(await me()).toMatchObject({ phone: PHONE, phone_verified: true, email_verified: false, is_verified: true })
  })

  it('changes at once while unverified, and its code is then worthless', async () => {
    await change(PHONE)
    await send()
    const code = await world.codeTo(PHONE)
    expect((await change(OTHER_PHONE)).body).toMatchObject({ phone: OTHER_PHONE, pending_phone: null })
    expect((await verify(code)).body).toMatchObject({ status: 'Invalid Code' })
  })

  it('once verified, stays until a code to the new one is proven', async () => {
    await verifiedPhone(PHONE)
    const { status, body } = await change('09351234567')
    expect([status, body]).toMatchObject([200, { phone: PHONE, phone_verified: true, pending_phone: OTHER_PHONE }])
    expect((await verify(await world.codeTo(OTHER_PHONE))).body).toEqual({ status: 'User has Verified' })
    expect(await me()).toMatchObject({ phone: OTHER_PHONE, phone_verified: true, pending_phone: null })
  })

  it('stays verified in another spelling, which also takes back what is pending', async () => {
    await verifiedPhone(PHONE)
    await change(OTHER_PHONE)
    const code = await world.codeTo(OTHER_PHONE)
    expect((await change('۰۹۱۲۳۴۵۶۷۸۹')).body).toMatchObject({
      phone: PHONE,
      phone_verified: true,
      pending_phone: null,
    })
    expect((await verify(code)).status).toBe(400)
    expect(await me()).toMatchObject({ phone: PHONE, phone_verified: true })
  })

  it('goes at once when it is nulled, with its mark and what is pending', async () => {
    await verifiedPhone(PHONE)
    await change(OTHER_PHONE)
    const code = await world.codeTo(OTHER_PHONE)
    const { body } = await change(null)
    expect(body).toMatchObject({ phone: null, phone_verified: false, pending_phone: null, is_verified: false })
    expect((await verify(code)).body).toMatchObject({ status: 'Invalid Code' })
    expect((await send()).body).toMatchObject({ status: 'User Phone Number has not submited' })
  })

  it('is changed by an admin at once, and is then unverified', async () => {
    await verifiedPhone(PHONE)
    const { access: token } = await world.admin()
    const body = { phone: OTHER_PHONE }
    expect((await world.call('PATCH', `/api/users/${sara.id}/`, { token, body })).body.phone).toBe(OTHER_PHONE)
    expect(await me()).toMatchObject({ phone: OTHER_PHONE, phone_verified: false, pending_phone: null })
    expect(await world.inbox(OTHER_PHONE)).toEqual([])
  })

  it('cannot wait for a code no gateway can send: 503, and nothing is changed', async () => {
    world = await createWorld({ compose: { gateways: {} } })
    sara = await world.signedInUser()
    await change(PHONE)
    const verified = { phoneVerifiedAt: world.clock.now() }
    await world.latchkey.foundation.db.updateTable('users').set(verified).execute()
    const { status, body } = await change(OTHER_PHONE)
    expect([status, body.code]).toEqual([503, 'channel_unavailable'])
    expect(await me()).toMatchObject({ phone: PHONE, phone_verified: true, pending_phone: null })
  })
})

describe('a number that two users hold', () => {
  let other: SignedIn

  beforeEach(async () => {
    other = await world.signedInUser()
  })

  const expectInUse = async (code: string, user: SignedIn): Promise<void> => {
    const refused = await verify(code, user)
    expect([refused.status, refused.body.code]).toEqual([409, 'phone_in_use'])
    expect((await verify(code, user)).body).toMatchObject({ status: 'Invalid Code' })
  }

  it('is proven by one alone; to the other the right code says so, and is used up', async () => {
    await change(PHONE)
    await change(PHONE, other)
    await send()
    const mine = await world.codeTo(PHONE)
    await send(other)
    const theirs = await world.codeTo(PHONE)
    expect((await verify(theirs, other)).status).toBe(200)
    await expectInUse(mine, sara)
    expect(await me()).toMatchObject({ phone: PHONE, phone_verified: false })
  })

  it('does not take the place of a verified one either', async () => {
    await verifiedPhone(OTHER_PHONE)
    await verifiedPhone(PHONE, other)
    await change(PHONE)
    await expectInUse(await world.codeTo(PHONE), sara)
    expect(await me()).toMatchObject({ phone: OTHER_PHONE, phone_verified: true, pending_phone: PHONE })
  })

  it('is free to be proven once the other lets it go', async () => {
    await verifiedPhone(PHONE, other)
    await change(null, other)
    await verifiedPhone(PHONE)
    expect(await me()).toMatchObject({ phone: PHONE, phone_verified: true })
  })
})
