import { askForReset, changePassword, confirmReset, resetMail } from '../passwords.ts'
import { PASSWORD, type SignedIn, type World } from '../world.ts'
import type { Operation } from './operation.ts'

let names = 0
const newEmail = () => `user${++names}@statements.example.com`
const newPhone = () => `0912${String(++names).padStart(7, '0')}`

const verify = (world: World, { access: token }: SignedIn, code: string) =>
  world.call('POST', '/api/otp/verify/', { token, body: { code } })
const send = (world: World, { access: token }: SignedIn, channel: 'email' | 'phone') =>
  world.call('POST', '/api/otp/send/', { token, body: { email_or_phone: channel } })
const refresh = (world: World, token: string) => world.call('POST', '/api/token/refresh/', { body: { refresh: token } })

/** A user who asked for a code, has failed to tell it once, and the code. */
async function userWithCode(world: World): Promise<{ user: SignedIn; code: string }> {
  const user = await world.signedInUser(newEmail())
  await send(world, user, 'email')
  const code = await world.codeTo(user.email)
  await verify(world, user, NEVER_RIGHT)
  return { user, code }
}

// Codes begin at 100000.
const NEVER_RIGHT = '099999'

async function verifiedUser(world: World): Promise<SignedIn> {
  const { user, code } = await userWithCode(world)
  await verify(world, user, code)
  return user
}

/** What is done with accounts, sessions, codes and passwords. */
export const SESSION_OPERATIONS: readonly Operation[] = [
  {
    name: 'registration',
    success: 201,
    prepare: async (world) => {
      const body = { email: newEmail(), password: PASSWORD }
      return () => world.call('POST', '/api/users/', { body })
    },
  },
  {
    name: 'sign-in after a failed one',
    success: 200,
    forgetsFailures: true,
    prepare: async (world) => {
      const user = await world.signedInUser(newEmail())
      await world.signIn({ ...user, password: 'Wrong-Horse-7' })
      return () => world.signIn(user)
    },
  },
  {
    name: 'sign-in from a device to be known',
    success: 200,
    forgetsFailures: true,
    prepare: async (world) => {
      const { email, password } = await world.signedInUser(newEmail())
      return () => world.call('POST', '/api/token/', { body: { email, password, device: 'new' } })
    },
  },
  {
    name: 'sign-in with a wrong password',
    success: 401,
    prepare: async (world) => {
      const user = await world.signedInUser(newEmail())
      return () => world.signIn({ ...user, password: 'Wrong-Horse-7' })
    },
  },
  {
    name: 'refresh',
    success: 200,
    prepare: async (world) => {
      const user = await world.signedInUser(newEmail())
      return () => refresh(world, user.refresh)
    },
  },
  {
    name: 'a refresh token used after its successor',
    success: 401,
    prepare: async (world) => {
      const user = await world.signedInUser(newEmail())
      const second = await refresh(world, user.refresh)
      await refresh(world, second.body.refresh)
      return () => refresh(world, user.refresh)
    },
  },
  {
    name: 'logout',
    success: 200,
    prepare: async (world) => {
      const { access: token, refresh } = await world.signedInUser(newEmail())
      return () => world.call('POST', '/api/logout/', { token, body: { refresh } })
    },
  },
  {
    name: 'a code sent',
    success: 200,
    prepare: async (world) => {
      const user = await world.signedInUser(newEmail())
      return () => send(world, user, 'email')
    },
  },
  {
    name: 'a right code',
    success: 200,
    forgetsFailures: true,
    prepare: async (world) => {
      const { user, code } = await userWithCode(world)
      return () => verify(world, user, code)
    },
  },
  {
    name: 'a wrong code',
    success: 400,
    prepare: async (world) => {
      const { user } = await userWithCode(world)
      return () => verify(world, user, NEVER_RIGHT)
    },
  },
  {
    name: 'a change of names and of a first phone',
    success: 200,
    prepare: async (world) => {
      const { access: token } = await world.signedInUser(newEmail())
      const body = { first_name: 'Sara', phone: newPhone() }
      return () => world.call('PATCH', '/api/users/me/', { token, body })
    },
  },
  {
    name: 'a change of a verified e-mail, which waits for its code',
    success: 200,
    // Where the code cannot be sent the change waits all the same, and `otp/send` sends it later.
    firstStep: ['addressChanges +1', 'auditEvents +1', 'deliveries +1', 'users.pendingEmail'],
    prepare: async (world) => {
      const { access: token } = await verifiedUser(world)
      const body = { email: newEmail() }
      return () => world.call('PATCH', '/api/users/me/', { token, body })
    },
  },
  {
    name: 'a change of password',
    success: 204,
    forgetsFailures: true,
    prepare: async (world) => {
      const user = await world.signedInUser(newEmail())
      await resetMail(world, user)
      await world.signIn(user)
      return () => changePassword(world, user)
    },
  },
  {
    name: 'a reset asked for',
    success: 202,
    prepare: async (world) => {
      const { email } = await world.signedInUser(newEmail())
      return () => askForReset(world, email)
    },
  },
  {
    name: 'a reset, the first proof of an address',
    success: 204,
    forgetsFailures: true,
    prepare: async (world) => {
      const { user } = await userWithCode(world)
      const { token } = await resetMail(world, user)
      return () => confirmReset(world, { token })
    },
  },
  {
    name: 'deletion',
    success: 204,
    forgetsFailures: true,
    prepare: async (world) => {
      const { user } = await userWithCode(world)
      return () => world.call('DELETE', '/api/users/me/', { token: user.access })
    },
  },
]
