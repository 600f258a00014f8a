import { describe, expect, it } from 'vitest'
import { createSoftPasskey } from '../../../test/authenticator.ts'
import { createSharedWorld } from '../../../test/other-process.ts'
import { creationOptions, signInBy, signInOptions, userWithPasskey, verifiedUser } from '../../../test/passkeys.ts'

/** What another server does between what a request has examined and what it is about to write. */
describe('while a passkey signs in,', () => {
  const STRIKES: readonly [string, (challenge: string) => string, readonly [number, string | undefined]][] = [
    // Guard: `where id = …` in `store.recordUse`, which finds nothing.
    ['its removal elsewhere wins', () => 'delete from passkeys', [400, 'passkey_invalid']],
    // Guard: `where signCount < …` in `store.recordUse`. Seen failing (200) without it.
    ['a later count elsewhere wins', () => 'update passkeys set sign_count = 9', [400, 'passkey_invalid']],
    // Guard: the insert in `takeChallenge`. Seen failing (200) without it.
    [
      'the same challenge used elsewhere is used',
      (challenge) => `insert into used_passkey_challenges values ('${challenge}', '2026-11-22T09:05:00.000Z')`,
      [400, 'passkey_invalid'],
    ],
    // Guard: `lockUser` in `enter`, which asks again.
    ['a deactivation elsewhere wins', () => 'update users set deactivated_at = created_at', [401, 'no_active_account']],
    ['its user’s deletion elsewhere wins', () => 'delete from users', [400, 'passkey_invalid']],
    ['a new name elsewhere does no harm', () => `update passkeys set name = 'Key'`, [200, undefined]],
  ]

  it.each(STRIKES)('%s', async (_, sql, expected) => {
    const { world, strike } = await createSharedWorld()
    const { passkey } = await userWithPasskey(world)
    const options = await signInOptions(world)
    const assertion = passkey.sign(options)
    strike(sql(options.challenge))
    const { status, body } = await signInBy(world, assertion)
    expect([status, body.code]).toEqual(expected)
  })
})

describe('while a passkey is registered,', () => {
  const STRIKES: readonly [string, string, readonly [number, string]][] = [
    // Guard: `findSession` in `add`: a reset or an undo drops factors and must not miss this one. Seen failing (201) without it.
    ['the end of its session elsewhere wins', 'update sessions set ended_at = created_at', [401, 'user_not_found']],
    ['its user’s deletion elsewhere wins', 'delete from users', [401, 'user_not_found']],
    // Guard: `emailVerifiedAt` asked again in `add`. Seen failing (201) without it.
    ['another e-mail address elsewhere wins', 'update users set email_verified_at = null', [403, 'email_not_verified']],
  ]

  it.each(STRIKES)('%s', async (_, sql, expected) => {
    const { world, strike } = await createSharedWorld()
    const user = await verifiedUser(world)
    const { body: options } = await creationOptions(world, user)
    const body = createSoftPasskey().register(options)
    strike(sql)
    const answer = await world.call('POST', '/api/passkeys/', { token: user.access, body })
    expect([answer.status, answer.body.code]).toEqual(expected)
    expect(await world.latchkey.foundation.db.selectFrom('passkeys').select('id').execute()).toEqual([])
  })
})

// Guard: `takePasskeyAway` decides in the transaction that removes.
it('the last factor stays when two factors were turned on elsewhere at that moment', async () => {
  const { world, strike } = await createSharedWorld({ EMAIL_AS_SECOND_FACTOR: 'false' })
  const { user, id } = await userWithPasskey(world)
  strike('update users set two_factor_since = created_at')
  const answer = await world.call('DELETE', `/api/passkeys/${id}/`, { token: user.access })
  expect([answer.status, answer.body.code]).toEqual([409, 'last_factor'])
})
