import { expect, it } from 'vitest'
import { change, me, undo, UNDO_INVALID, undoSaid, undoTokensTo } from '../../../test/changes.ts'
import { verifyCode } from '../../../test/codes.ts'
import { succeeded, verifiedUser } from '../../../test/factors.ts'
import { createSharedWorld } from '../../../test/other-process.ts'
import { PASSWORD, type SignedIn, type World } from '../../../test/world.ts'

const OLD = 'sara@example.com'
const NEW = 'sara@new.example'

async function waiting(world: World): Promise<{ sara: SignedIn; code: string; token: string }> {
  const sara = await verifiedUser(world, OLD)
  succeeded(await change(world, sara, { email: NEW }))
  return { sara, code: await world.codeTo(NEW), token: (await undoTokensTo(world, OLD))[0]! }
}

it('makes no change that was cancelled on another server as the code came', async () => {
  const { world, strike } = await createSharedWorld()
  const { sara, code } = await waiting(world)
  // What the undo does there, in one transaction.
  strike(`update users set pending_email = null; delete from challenges where address = '${NEW}';
    update address_changes set ended_at = created_at`)
  expect((await verifyCode(world, sara, code)).status).toBe(400)
  expect(await me(world, sara)).toMatchObject({ email: OLD, email_verified: true })
})

// Guard: what the link is good for is decided by one statement, inside the transaction (changes-store.take).
it('undoes no change that another server has just undone, and cancels none that it has just made', async () => {
  const { world, strike } = await createSharedWorld()
  const { token } = await waiting(world)
  strike(`update users set email = '${NEW}', email_key = '${NEW}', mailbox_key = '${NEW}', pending_email = null;
    update address_changes set completed_at = created_at`)
  expect(undoSaid(await undo(world, token))).toEqual([200, 'undone', 'email'])
  const { db } = world.latchkey.foundation
  expect(await db.selectFrom('users').select(['email', 'passwordHash']).execute()).toEqual([
    { email: OLD, passwordHash: '!' },
  ])

  const guest = await verifiedUser(world)
  succeeded(await change(world, guest, { email: 'guest@new.example' }))
  const [late] = await undoTokensTo(world, guest.email)
  strike('update address_changes set ended_at = created_at')
  expect(undoSaid(await undo(world, late))).toEqual(UNDO_INVALID)
})

// Guard: `isReserved` after the insert in users/service.ts. Seen failing (201) without it.
it('registers no address that was given up, and reserved, since it was asked about', async () => {
  const { world, strike } = await createSharedWorld()
  const { sara, code } = await waiting(world)
  succeeded(await verifyCode(world, sara, code))
  const { db } = world.latchkey.foundation
  // Free while it is asked about: the change was not there yet.
  await db.updateTable('addressChanges').set({ endedAt: world.clock.now() }).execute()
  strike('update address_changes set ended_at = null')
  const { status, body } = await world.call('POST', '/api/users/', { body: { email: OLD, password: PASSWORD } })
  expect([status, body.email]).toEqual([400, ['user with this email already exists.']])
  expect(await db.selectFrom('users').select('email').execute()).toEqual([{ email: NEW }])
})

// Guard: `whyNotChange` asks inside the transaction that changes. Seen failing (200) without it.
it('changes to no address that was given up, and reserved, since it was asked about', async () => {
  const { world, strike } = await createSharedWorld()
  const guest = await world.signedInUser('guest@example.com')
  await waiting(world)
  strike(`update users set email = '${NEW}', email_key = '${NEW}', mailbox_key = '${NEW}', pending_email = null
    where email = '${OLD}'; update address_changes set completed_at = created_at`)
  const { status, body } = await change(world, guest, { email: OLD })
  expect([status, body.email]).toEqual([400, ['user with this email already exists.']])
})
