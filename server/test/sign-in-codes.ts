import type { UserChanges } from '../src/features/users/service.ts'
import { PHONE } from './codes.ts'
import { succeeded } from './factors.ts'
import type { SignedIn, World } from './world.ts'

/** Changes a user behind the product's back. */
export const change = (world: World, { id }: Pick<SignedIn, 'id'>, changes: UserChanges) =>
  world.latchkey.foundation.db.updateTable('users').set(changes).where('id', '=', id).execute()

/** Somebody who may sign in by a code to his e-mail. */
export async function reachableUser(world: World, changes: UserChanges = {}): Promise<SignedIn> {
  const user = await world.signedInUser()
  await change(world, user, { emailVerifiedAt: world.clock.now(), ...changes })
  return user
}

/** What makes sign-in by text message possible. */
export const withPhone = (world: World, phone = PHONE): UserChanges => ({
  phone,
  phoneVerifiedAt: world.clock.now(),
  phoneSignInSince: world.clock.now(),
})

export const askForCode = (world: World, body: object, from = '198.51.100.7') =>
  world.call('POST', '/api/token/code/', { body, from })

export const confirmCode = (world: World, challenge: unknown, code: unknown, more: object = {}) =>
  world.call('POST', '/api/token/code/confirm/', { body: { challenge, code, ...more } })

export interface SentCode {
  readonly challenge: string
  readonly code: string
}

/** A challenge and the code that is right for it. */
export async function signInCode(world: World, { email }: SignedIn, from?: string): Promise<SentCode> {
  const { body } = succeeded(await askForCode(world, { email }, from))
  return { challenge: body.challenge, code: await world.codeTo(email) }
}
