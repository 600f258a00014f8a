import { type CreationOptions, createSoftPasskey } from '../authenticator.ts'
import { change, move, undo, undoTokensTo } from '../changes.ts'
import { succeeded, verifiedUser } from '../factors.ts'
import {
  candidate,
  creationOptions,
  register,
  signInBy,
  signInOptions,
  stepBy,
  stepOptions,
  turnOnTwoFactors,
} from '../passkeys.ts'
import { askForCode, confirmCode, signInCode } from '../sign-in-codes.ts'
import type { SignedIn, World } from '../world.ts'
import type { Operation } from './operation.ts'

let names = 0
const newEmail = () => `user${++names}@accounts.example.com`
const newUser = (world: World) => verifiedUser(world, newEmail())

async function withPasskey(world: World) {
  const user = await newUser(world)
  const passkey = createSoftPasskey()
  const { id } = succeeded(await register(world, user, passkey)).body
  return { user, passkey, id }
}

/** The token of a sign-in that waits, its user's codes sent to the phone. */
async function waitingForCode(world: World) {
  const user = await newUser(world)
  await turnOnTwoFactors(world, user)
  const token = await candidate(world, user)
  succeeded(await world.call('POST', '/api/otp/send/', { token, body: { email_or_phone: 'email' } }))
  return { token, code: await world.codeTo(user.email) }
}

const administers =
  (method: 'PATCH' | 'DELETE', path: (user: SignedIn) => string, body?: object): Operation['prepare'] =>
  async (world) => {
    const { access: token } = await world.admin()
    const user = await newUser(world)
    await turnOnTwoFactors(world, user)
    return () => world.call(method, path(user), { token, ...(body && { body }) })
  }

/** What is done with addresses, passkeys and sign-ins by code, and by admins. */
export const ACCOUNT_OPERATIONS: readonly Operation[] = [
  {
    name: 'a change of a verified e-mail, proven',
    success: 200,
    prepare: async (world) => {
      const user = await newUser(world)
      const email = newEmail()
      succeeded(await change(world, user, { email }))
      const body = { code: await world.codeTo(email) }
      return () => world.call('POST', '/api/otp/verify/', { token: user.access, body })
    },
  },
  {
    name: 'a change of e-mail undone',
    success: 200,
    prepare: async (world) => {
      const user = await newUser(world)
      await move(world, user, { email: newEmail() })
      const [link] = await undoTokensTo(world, user.email)
      return () => undo(world, link)
    },
  },
  {
    name: 'a passkey registered',
    success: 201,
    prepare: async (world) => {
      const user = await newUser(world)
      const options: CreationOptions = succeeded(await creationOptions(world, user)).body
      const body = createSoftPasskey().register(options)
      return () => world.call('POST', '/api/passkeys/', { token: user.access, body })
    },
  },
  {
    name: 'a sign-in by passkey',
    success: 200,
    prepare: async (world) => {
      const { passkey } = await withPasskey(world)
      const assertion = passkey.sign(await signInOptions(world))
      return () => signInBy(world, assertion)
    },
  },
  {
    name: 'a second step by passkey',
    success: 200,
    forgetsFailures: true,
    prepare: async (world) => {
      const { user, passkey } = await withPasskey(world)
      await turnOnTwoFactors(world, user)
      const token = await candidate(world, user)
      const assertion = passkey.sign(succeeded(await stepOptions(world, token)).body)
      return () => stepBy(world, token, assertion)
    },
  },
  {
    name: 'a passkey removed',
    success: 204,
    prepare: async (world) => {
      const { user, id } = await withPasskey(world)
      return () => world.call('DELETE', `/api/passkeys/${id}/`, { token: user.access })
    },
  },
  {
    name: 'a sign-in by code asked for',
    success: 202,
    prepare: async (world) => {
      const { email } = await newUser(world)
      return () => askForCode(world, { email })
    },
  },
  {
    name: 'a sign-in by code',
    success: 200,
    prepare: async (world) => {
      const { challenge, code } = await signInCode(world, await newUser(world))
      return () => confirmCode(world, challenge, code, { device: 'new' })
    },
  },
  {
    name: 'a second step by a code sent',
    success: 200,
    prepare: async (world) => {
      const { token, code } = await waitingForCode(world)
      return () => world.call('POST', '/api/otp/verify/', { token, body: { code } })
    },
  },
  {
    name: 'a sign-in given up before its second step',
    success: 200,
    prepare: async (world) => {
      const { token } = await waitingForCode(world)
      return () => world.call('POST', '/api/logout/', { token, body: { refresh: token } })
    },
  },
  {
    name: 'who one is proven once more',
    success: 200,
    forgetsFailures: true,
    // A try is counted before the password is compared, and the success takes it back.
    firstStep: ['signInFailures +1'],
    prepare: async (world) => {
      const { access: token, password } = await newUser(world)
      return () => world.call('POST', '/api/token/reauthenticate/', { token, body: { password } })
    },
  },
  {
    name: 'all other sessions ended',
    success: 204,
    prepare: async (world) => {
      const user = await newUser(world)
      await world.signIn(user)
      return () => world.call('DELETE', '/api/sessions/', { token: user.access })
    },
  },
  {
    name: 'a user invited',
    success: 201,
    prepare: async (world) => {
      const { access: token } = await world.admin()
      const body = { email: newEmail() }
      return () => world.call('POST', '/api/admin/users/', { token, body })
    },
  },
  {
    name: 'an account closed',
    success: 200,
    prepare: administers('PATCH', ({ id }) => `/api/admin/users/${id}/`, { is_active: false }),
  },
  {
    name: "a user's sessions ended by an admin",
    success: 204,
    prepare: administers('DELETE', ({ id }) => `/api/admin/users/${id}/sessions/`),
  },
  {
    name: 'two factors turned off by an admin',
    success: 200,
    prepare: administers('DELETE', ({ id }) => `/api/admin/users/${id}/factors/two_factor/`),
  },
]
