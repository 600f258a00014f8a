import { describe, expect, it } from 'vitest'
import { codeFor, PHONE, RIGHT, said, setPhone, verifyCode } from '../../../test/codes.ts'
import { succeeded } from '../../../test/factors.ts'
import { confirmReset, NEW_PASSWORD, resetMail } from '../../../test/passwords.ts'
import { UNLIMITED } from '../../../test/unlimited.ts'
import { readToken } from '../../../test/wire.ts'
import { createWorld, type SignedIn, type World } from '../../../test/world.ts'
import { minutes, seconds } from '../../kernel/duration.ts'

type Channel = 'email' | 'phone'

/** What the session's next access token says of how its bearer was proven. */
async function assuranceOf(world: World, { refresh }: Pick<SignedIn, 'refresh'>) {
  const { body } = await world.call('POST', '/api/token/refresh/', { body: { refresh } })
  const { acr, amr, auth_time, email_verified, phone_verified } = readToken(body.access).payload
  return { acr, amr, auth_time, email_verified, phone_verified }
}

async function prove(world: World, user: SignedIn, channel: Channel): Promise<void> {
  expect(said(await verifyCode(world, user, await codeFor(world, user, channel)))).toEqual(RIGHT)
}

const epoch = (moment: Date) => Math.floor(moment.getTime() / 1000)

/** A user whose e-mail and phone are verified, in a session begun after. */
async function returningUser(world: World): Promise<SignedIn> {
  const user = await world.signedInUser()
  await setPhone(world, user)
  await prove(world, user, 'email')
  await prove(world, user, 'phone')
  world.clock.turn(minutes(1))
  return { ...user, ...(await world.signIn(user)).body }
}

describe('a code proves', () => {
  it('no second factor the first time: the address is only now known to be the user’s', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const user = await world.signedInUser()
    const signedInAt = epoch(world.clock.now())
    await setPhone(world, user)
    world.clock.turn(seconds(30))
    await prove(world, user, 'email')
    await prove(world, user, 'phone')
    expect(await assuranceOf(world, user)).toEqual({
      acr: 'aal1',
      amr: ['pwd'],
      auth_time: signedInAt,
      email_verified: true,
      phone_verified: true,
    })
  })

  it.each<[Channel, string]>([
    ['email', 'otp'],
    ['phone', 'sms'],
  ])('a second factor by %s to an address verified before the session began', async (channel, method) => {
    const world = await createWorld({ settings: UNLIMITED })
    const user = await returningUser(world)
    const signedInAt = epoch(world.clock.now())
    expect(await assuranceOf(world, user)).toMatchObject({ acr: 'aal1', amr: ['pwd'] })
    world.clock.turn(seconds(45))
    await prove(world, user, channel)
    expect(await assuranceOf(world, user)).toMatchObject({
      acr: 'aal2',
      amr: ['pwd', method, 'mfa'],
      // A code alone is no sign-in.
      auth_time: signedInAt,
    })
  })

  it('both, each method named once', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const user = await returningUser(world)
    await prove(world, user, 'email')
    await prove(world, user, 'phone')
    expect((await assuranceOf(world, user)).amr).toEqual(['pwd', 'otp', 'mfa', 'sms'])
  })

  it('nothing for any other session', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const user = await returningUser(world)
    const elsewhere = (await world.signIn(user)).body
    await prove(world, user, 'email')
    expect(await assuranceOf(world, elsewhere)).toMatchObject({ acr: 'aal1', amr: ['pwd'] })
    expect(await assuranceOf(world, (await world.signIn(user)).body)).toMatchObject({ acr: 'aal1' })
  })

  it('no second factor in a session older than the verification', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const user = await world.signedInUser()
    world.clock.turn(minutes(1))
    const elsewhere: SignedIn = { ...user, ...(await world.signIn(user)).body }
    await prove(world, elsewhere, 'email')
    await prove(world, user, 'email')
    expect(await assuranceOf(world, user)).toMatchObject({ acr: 'aal1', amr: ['pwd'] })
  })

  it('no second factor by e-mail where the setting says that e-mail is none', async () => {
    const world = await createWorld({ settings: { ...UNLIMITED, EMAIL_AS_SECOND_FACTOR: 'off' } })
    const user = await returningUser(world)
    await prove(world, user, 'email')
    expect(await assuranceOf(world, user)).toMatchObject({ acr: 'aal1', amr: ['pwd'] })
    await prove(world, user, 'phone')
    expect(await assuranceOf(world, user)).toMatchObject({ acr: 'aal2', amr: ['pwd', 'sms', 'mfa'] })
  })

  it('no second factor by e-mail after a reset by e-mail, where the user has another: the mailbox alone would be both', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const user = await returningUser(world)
    const { token } = await resetMail(world, user)
    succeeded(await confirmReset(world, { token }))
    const again: SignedIn = { ...user, ...(await world.signIn({ ...user, password: NEW_PASSWORD })).body }
    await prove(world, again, 'email')
    expect(await assuranceOf(world, again)).toMatchObject({ acr: 'aal1', amr: ['pwd'] })
  })

  it('no second factor when it completes a change of address', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const user = await returningUser(world)
    await world.call('PATCH', '/api/users/me/', { token: user.access, body: { email: 'new@example.com' } })
    expect(said(await verifyCode(world, user, await world.codeTo('new@example.com')))).toEqual(RIGHT)
    expect(await assuranceOf(world, user)).toMatchObject({ acr: 'aal1', amr: ['pwd'], email_verified: true })
  })

  it('nothing any more once its address is changed', async () => {
    const world = await createWorld({ settings: UNLIMITED })
    const user = await world.signedInUser()
    await setPhone(world, user)
    await prove(world, user, 'phone')
    await setPhone(world, user, '+989351234567')
    const { body } = await world.call('GET', '/api/users/me/', { token: user.access })
    expect(body).toMatchObject({ phone: PHONE, pending_phone: '+989351234567', phone_verified: true })
    const admin = await world.admin()
    await world.call('PATCH', `/api/users/${user.id}/`, { token: admin.access, body: { phone: '+989351234567' } })
    expect(await assuranceOf(world, user)).toMatchObject({ phone_verified: false })
  })
})
