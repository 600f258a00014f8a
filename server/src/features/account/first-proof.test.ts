import { describe, expect, it } from 'vitest'
import { codeFor, verifyCode } from '../../../test/codes.ts'
import { newId } from '../../../test/database.ts'
import { confirmReset, NEW_PASSWORD, resetMail } from '../../../test/passwords.ts'
import { createWorld, PASSWORD, type SignedIn, type World } from '../../../test/world.ts'
import { after, days } from '../../kernel/duration.ts'
import { systemRandom } from '../../kernel/random.ts'

/** Everything a user can leave in an account, by the rows themselves: how each comes about is another test's concern. */
async function furnish(world: World, { id: userId }: SignedIn): Promise<void> {
  const { db } = world.latchkey.foundation
  const createdAt = world.clock.now()
  const bytes = () => systemRandom.bytes(32)
  await db
    .updateTable('users')
    .set({ phone: '+989123456789', phoneVerifiedAt: createdAt, pendingEmail: 'evil@example.com' })
    .set({ pendingPhone: '+989120000000', twoFactorSince: createdAt, phoneSignInSince: createdAt })
    .where('id', '=', userId)
    .execute()
  await db
    .insertInto('totps')
    .values({ id: newId(), userId, sealedSecret: bytes(), createdAt, confirmedAt: createdAt })
    .execute()
  await db.insertInto('recoveryCodes').values({ id: newId(), userId, codeHash: bytes(), createdAt }).execute()
  const passkey = { id: newId(), userId, credentialId: newId(), publicKey: bytes(), userHandle: bytes(), signCount: 0 }
  const about = { transports: '', isBackupEligible: false, isBackedUp: false, name: 'Key', createdAt }
  await db
    .insertInto('passkeys')
    .values({ ...passkey, ...about })
    .execute()
  await db
    .insertInto('devices')
    .values({ id: newId(), userId, valueHash: bytes(), createdAt, lastUsedAt: createdAt })
    .execute()
  await db
    .insertInto('factorFailures')
    .values({ userId, method: 'phone', purpose: 'verification', failures: 100 })
    .execute()
  const undoUntil = after(createdAt, days(7))
  await db
    .insertInto('addressChanges')
    .values({ id: newId(), userId, channel: 'phone', linkHash: bytes(), createdAt, undoUntil })
    .execute()
}

const TABLES = ['totps', 'recoveryCodes', 'passkeys', 'devices', 'factorFailures'] as const

/** How many rows of each the account still has, and what its own row says. */
async function left(world: World) {
  const { db } = world.latchkey.foundation
  const counts = await Promise.all(
    TABLES.map(async (table) => (await db.selectFrom(table).select('userId').execute()).length),
  )
  const changes = await db.selectFrom('addressChanges').select('endedAt').execute()
  const user = await db.selectFrom('users').selectAll().executeTakeFirstOrThrow()
  const { phone, phoneVerifiedAt, pendingEmail, pendingPhone, twoFactorSince, phoneSignInSince } = user
  const own = [phone, phoneVerifiedAt, pendingEmail, pendingPhone, twoFactorSince, phoneSignInSince]
  return {
    counts,
    open: changes.filter(({ endedAt }) => endedAt === null).length,
    own: own.filter((each) => each !== null).length,
  }
}

describe('a reset of an account of which no address was ever proven', () => {
  // Whoever registered it with the owner's address has set it up to get in again.
  it('leaves nothing in it of whoever had it before', async () => {
    const world = await createWorld()
    const hijacker = await world.signedInUser('owner@example.com')
    await furnish(world, hijacker)
    await confirmReset(world, await resetMail(world, hijacker))
    expect(await left(world)).toEqual({ counts: [0, 0, 0, 0, 0], open: 0, own: 0 })
    expect((await world.call('GET', '/api/users/me/', { token: hijacker.access })).status).toBe(401)
    const { status, body } = await world.signIn({ email: hijacker.email, password: NEW_PASSWORD })
    expect([status, body.second_factor]).toEqual([200, undefined])
  })

  it('is the first proof only once', async () => {
    const world = await createWorld()
    const user = await world.signedInUser()
    await confirmReset(world, await resetMail(world, user))
    await furnish(world, user)
    world.clock.turn(days(1))
    await confirmReset(world, await resetMail(world, user), 'Third-Horse-9')
    expect(await left(world)).toEqual({ counts: [1, 1, 1, 1, 1], open: 1, own: 6 })
  })
})

it.each(['verified', 'verified once, by an address it no longer has'])(
  'a reset of an account that was %s leaves all it has',
  async (kind) => {
    const world = await createWorld()
    const user = await world.signedInUser()
    await verifyCode(world, user, await codeFor(world, user))
    if (kind !== 'verified') {
      await world.latchkey.foundation.db.updateTable('users').set({ emailVerifiedAt: null }).execute()
    }
    await furnish(world, user)
    await confirmReset(world, await resetMail(world, user))
    expect(await left(world)).toEqual({ counts: [1, 1, 1, 1, 1], open: 1, own: 6 })
    expect((await world.signIn({ ...user, password: PASSWORD })).status).toBe(401)
  },
)
