import { beforeEach, describe, expect, it } from 'vitest'
import { NOON } from '../../../test/database.ts'
import {
  makeRecoveryCodes,
  noticesTo,
  recordedOf,
  verifiedUser,
  withApp,
  withTwoFactors,
} from '../../../test/factors.ts'
import { beginSignIn, codeOf } from '../../../test/second-step.ts'
import { UNLIMITED } from '../../../test/unlimited.ts'
import { atOnce, statuses } from '../../../test/wire.ts'
import { createWorld, type SignedIn, type World } from '../../../test/world.ts'
import { systemRandom } from '../../kernel/random.ts'

let world: World
let admin: SignedIn

beforeEach(() => start())

async function start(settings: Readonly<Record<string, string>> = {}): Promise<void> {
  world = await createWorld({ settings: { ...UNLIMITED, ...settings } })
  admin = await world.admin()
}

const remove = ({ id }: SignedIn, factor: string) =>
  world.call('DELETE', `/api/admin/users/${id}/factors/${factor}/`, { token: admin.access })

/** What the user was told that others did, in no order. */
const toldOthersDid = async ({ email }: SignedIn): Promise<string[]> =>
  (await noticesTo(world, email)).filter((kind) => kind.endsWith('_for_you')).toSorted()

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

describe('a factor that was lost', () => {
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
    expect(await toldOthersDid(user)).toEqual(['factors_removed_for_you', 'factors_removed_for_you'])
  })

  it('takes two factors with it when nothing is left to pass the second step', async () => {
    await start({ EMAIL_AS_SECOND_FACTOR: 'false' })
    const user = await verifiedUser(world)
    await withApp(world, user)
    await withTwoFactors(world, user)
    expect((await remove(user, 'recovery_code')).body.two_factor).toBe(true)
    expect((await remove(user, 'totp')).body.two_factor).toBe(false)
    expect((await world.signIn(user)).body.second_factor).toBeUndefined()
    expect(await recordedOf(world, user.id, ['two_factor_off'])).toEqual(['two_factor_off: success'])
    expect(await toldOthersDid(user)).toEqual([
      'factors_removed_for_you',
      'factors_removed_for_you',
      'two_factor_off_for_you',
    ])
  })

  it('can be the need for two of them itself; what there is stays', async () => {
    const user = await verifiedUser(world)
    await withApp(world, user)
    await withTwoFactors(world, user)
    expect((await remove(user, 'two_factor')).body.two_factor).toBe(false)
    expect((await world.signIn(user)).body.second_factor).toBeUndefined()
    const { db } = world.latchkey.foundation
    expect(await db.selectFrom('totps').select('id').where('userId', '=', user.id).execute()).toHaveLength(1)
    expect(await toldOthersDid(user)).toEqual(['two_factor_off_for_you'])
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
    expect(await toldOthersDid(user)).toHaveLength(1)
  })

  it("is never the admin's own: those go by the routes of every user", async () => {
    expect(codeOf(await remove(admin, 'two_factor'))).toEqual([403, 'permission_denied'])
  })
})
