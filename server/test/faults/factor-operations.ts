import {
  appCode,
  beginApp,
  confirmApp,
  makeRecoveryCodes,
  removeApp,
  setTwoFactor,
  signInWithApp,
  verifiedUser,
  withApp,
  withTwoFactors,
} from '../factors.ts'
import type { SignedIn, World } from '../world.ts'
import type { Operation } from './operation.ts'

let names = 0
const newUser = (world: World) => verifiedUser(world, `user${++names}@factors.example.com`)

/** Somebody with an app and two factors on, whose session has passed the second. */
async function passedUser(world: World): Promise<{ user: SignedIn; secret: string; recoveryCode: string }> {
  const user = await newUser(world)
  const { secret } = await withApp(world, user)
  const [recoveryCode] = await withTwoFactors(world, user)
  return { user: await signInWithApp(world, user, secret, 1), secret, recoveryCode: recoveryCode! }
}

/** The second-factor token of a sign-in that waits. */
const waiting = async (world: World, user: SignedIn): Promise<string> => (await world.signIn(user)).body.access

/** What is done with authenticator apps, recovery codes and two factors. */
export const FACTOR_OPERATIONS: readonly Operation[] = [
  {
    name: 'an authenticator app begun',
    success: 200,
    prepare: async (world) => {
      const user = await newUser(world)
      return () => beginApp(world, user)
    },
  },
  {
    name: 'an authenticator app confirmed in place of another',
    success: 200,
    prepare: async (world) => {
      const user = await newUser(world)
      await withApp(world, user)
      const { secret } = (await beginApp(world, user)).body
      return () => confirmApp(world, user, appCode(secret, world.clock.now()))
    },
  },
  {
    name: 'an authenticator app removed',
    success: 204,
    prepare: async (world) => {
      const user = await newUser(world)
      await withApp(world, user)
      return () => removeApp(world, user)
    },
  },
  {
    name: 'recovery codes made in place of others',
    success: 200,
    prepare: async (world) => {
      const user = await newUser(world)
      await makeRecoveryCodes(world, user)
      return () => makeRecoveryCodes(world, user)
    },
  },
  {
    name: 'two factors turned on',
    success: 200,
    prepare: async (world) => {
      const user = await newUser(world)
      await world.signIn(user)
      return () => setTwoFactor(world, user, true)
    },
  },
  {
    name: 'two factors turned off',
    success: 200,
    prepare: async (world) => {
      const { user } = await passedUser(world)
      return () => setTwoFactor(world, user, false)
    },
  },
  {
    name: 'a second step by authenticator app',
    success: 200,
    forgetsFailures: true,
    prepare: async (world) => {
      const user = await newUser(world)
      const { secret } = await withApp(world, user)
      await withTwoFactors(world, user)
      const token = await waiting(world, user)
      const body = { code: appCode(secret, world.clock.now(), 1) }
      return () => world.call('POST', '/api/totp/verify/', { token, body })
    },
  },
  {
    name: 'a second step by recovery code',
    success: 200,
    forgetsFailures: true,
    prepare: async (world) => {
      const { user, recoveryCode: code } = await passedUser(world)
      const token = await waiting(world, user)
      return () => world.call('POST', '/api/recovery-codes/verify/', { token, body: { code } })
    },
  },
]
