import { expect, it } from 'vitest'
import { change, me, move, undo, UNDO_INVALID, undoSaid, undoTokensTo, verifyPhone } from '../../../test/changes.ts'
import { PHONE } from '../../../test/codes.ts'
import { readFactors, signInWithApp, succeeded, verifiedUser, withApp, withTwoFactors } from '../../../test/factors.ts'
import { createSoftPasskey } from '../../../test/authenticator.ts'
import { register } from '../../../test/passkeys.ts'
import { createWorld, type SignedIn, type World } from '../../../test/world.ts'
import { hours, minutes } from '../../kernel/duration.ts'

const OWNER = 'sara@example.com'
const THIEF = 'thief@example.net'
const THIEFS_OTHER = 'thief@elsewhere.example'
const THIEFS_PHONE = '+989351234567'
const NEW_PASSWORD = 'Taken-Back-9'

async function resetPassword(world: World, email: string, password: string): Promise<void> {
  succeeded(await world.call('POST', '/api/password/reset/', { body: { email } }))
  const code = await world.codeTo(email)
  const body = { email, code, new_password: password }
  succeeded(await world.call('POST', '/api/password/reset/confirm/', { body }))
}

const ends = async (world: World, { access: token, refresh }: SignedIn): Promise<number[]> => {
  const read = await world.call('GET', '/api/users/me/', { token })
  const refreshed = await world.call('POST', '/api/token/refresh/', { body: { refresh } })
  return [read.status, refreshed.status]
}

it('gives an account back that was stolen with its password, by the first mail, within 48 hours', async () => {
  const world = await createWorld()
  const owner = await verifiedUser(world, OWNER)
  await verifyPhone(world, owner)

  // A stolen session alone, a while after its sign-in, changes nothing.
  world.clock.turn(minutes(11))
  expect((await change(world, owner, { email: THIEF })).body.code).toBe('reauthentication_required')

  // With the password too, everything is the thief's: e-mail, factors, phone, password, and the e-mail once more.
  const thief: SignedIn = { ...owner, ...succeeded(await world.signIn(owner)).body, email: THIEF }
  await move(world, thief, { email: THIEF })
  const { secret } = await withApp(world, thief)
  succeeded(await register(world, thief, createSoftPasskey()))
  await withTwoFactors(world, thief)
  await move(world, thief, { phone: THIEFS_PHONE })
  world.clock.turn(minutes(2))
  await resetPassword(world, THIEF, 'Thief-Horse-7')
  const again = await signInWithApp(world, { ...thief, password: 'Thief-Horse-7' }, secret)
  await move(world, again, { email: THIEFS_OTHER })
  succeeded(await world.call('POST', '/api/password/reset/', { body: { email: THIEFS_OTHER } }))
  const openReset = await world.codeTo(THIEFS_OTHER)
  const last = await signInWithApp(world, { ...again, email: THIEFS_OTHER }, secret, 1)

  // The owner reads the mail two days later.
  const [, first] = await undoTokensTo(world, OWNER)
  const thiefsUndo = await undoTokensTo(world, THIEF)
  world.clock.turn(hours(47))
  expect(undoSaid(await undo(world, first))).toEqual([200, 'undone', 'email'])

  // No session, no password, no factor and no link of the thief's is worth anything.
  for (const session of [owner, thief, again, last]) expect(await ends(world, session)).toEqual([401, 401])
  for (const email of [OWNER, THIEF, THIEFS_OTHER]) {
    for (const password of [owner.password, 'Thief-Horse-7']) {
      expect((await world.signIn({ email, password })).status).toBe(401)
    }
  }
  for (const token of thiefsUndo) expect(undoSaid(await undo(world, token))).toEqual(UNDO_INVALID)
  for (const email of [THIEFS_OTHER, OWNER]) {
    const body = { email, code: openReset, new_password: 'Thief-Horse-8' }
    expect((await world.call('POST', '/api/password/reset/confirm/', { body })).status).toBe(400)
  }

  // The owner sets a new password and is in, with what was there before and nothing else.
  await resetPassword(world, OWNER, NEW_PASSWORD)
  const back = succeeded(await world.signIn({ email: OWNER, password: NEW_PASSWORD })).body
  expect(back.second_factor).toBeUndefined()
  expect(await me(world, back)).toMatchObject({
    email: OWNER,
    email_verified: true,
    phone: PHONE,
    phone_verified: true,
  })
  expect(await readFactors(world, back)).toMatchObject({ two_factor: false, recovery_codes: { left: 0 } })
  expect((await world.call('GET', '/api/passkeys/', { token: back.access })).body.results).toEqual([])
})

it('keeps the factors that were there before, and two factors on', async () => {
  const world = await createWorld()
  const owner = await verifiedUser(world, OWNER)
  const { secret } = await withApp(world, owner)
  const codes = await withTwoFactors(world, owner)
  world.clock.turn(minutes(2))
  const thief = await signInWithApp(world, owner, secret)
  await move(world, thief, { email: THIEF })
  succeeded(await undo(world, (await undoTokensTo(world, OWNER))[0]))
  await resetPassword(world, OWNER, NEW_PASSWORD)
  world.clock.turn(minutes(1))
  const back = await signInWithApp(world, { ...owner, password: NEW_PASSWORD }, secret)
  expect(await readFactors(world, back)).toMatchObject({ two_factor: true, recovery_codes: { left: codes.length } })
})

it('turns two factors off where the thief left none, so that the owner is not kept out', async () => {
  const world = await createWorld({ settings: { EMAIL_AS_SECOND_FACTOR: 'false' } })
  const owner = await verifiedUser(world, OWNER)
  const { secret } = await withApp(world, owner)
  await withTwoFactors(world, owner)
  world.clock.turn(minutes(2))
  const thief = await signInWithApp(world, owner, secret)
  await move(world, thief, { email: THIEF })
  world.clock.turn(minutes(2))
  // His own app in place of the owner's, and his own recovery codes.
  succeeded(await register(world, thief, createSoftPasskey()))
  succeeded(await world.call('DELETE', '/api/totp/', { token: thief.access }))
  await withApp(world, thief)
  succeeded(await world.call('POST', '/api/recovery-codes/', { token: thief.access }))
  succeeded(await undo(world, (await undoTokensTo(world, OWNER))[0]))
  await resetPassword(world, OWNER, NEW_PASSWORD)
  const back = succeeded(await world.signIn({ email: OWNER, password: NEW_PASSWORD })).body
  expect(back.second_factor).toBeUndefined()
})
