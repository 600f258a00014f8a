import { verifiedUser, withApp } from './factors.ts'
import { change } from './sign-in-codes.ts'
import { type Answer, PASSWORD, type World } from './world.ts'

type Method = 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** A request that takes an `Idempotency-Key`: what must stand before it, and the request, which can be made again. */
export interface KeyedOperation {
  readonly name: string
  readonly success: number
  prepare(world: World): Promise<(key?: string) => Promise<Answer>>
}

let names = 0
const newEmail = () => `user${++names}@keyed.example.com`

interface Request {
  readonly body?: unknown
  readonly token?: string
}

const request =
  (world: World, method: Method, path: string, { body, token }: Request = {}) =>
  (key?: string): Promise<Answer> =>
    world.call(method, path, {
      ...(body === undefined ? {} : { body }),
      ...(token === undefined ? {} : { token }),
      ...(key === undefined ? {} : { headers: { 'idempotency-key': key } }),
    })

/** An admin's request about somebody else, who has an authenticator app. */
const byAdmin =
  (method: Method, path: (id: number) => string, body?: unknown): KeyedOperation['prepare'] =>
  async (world) => {
    const { access: token } = await world.admin()
    const user = await verifiedUser(world, newEmail())
    await withApp(world, user)
    return request(world, method, path(user.id), { token, ...(body === undefined ? {} : { body }) })
  }

/** Every request that takes a key. */
export const KEYED_OPERATIONS: readonly KeyedOperation[] = [
  {
    name: 'a registration',
    success: 201,
    prepare: async (world) =>
      request(world, 'POST', '/api/users/', { body: { email: newEmail(), password: PASSWORD } }),
  },
  {
    name: 'a registration by an admin',
    success: 201,
    prepare: async (world) => {
      const { access: token } = await world.admin()
      return request(world, 'POST', '/api/users/', { token, body: { email: newEmail(), password: PASSWORD } })
    },
  },
  {
    name: 'a code to verify an address',
    success: 200,
    prepare: async (world) => {
      const { access: token } = await world.signedInUser(newEmail())
      return request(world, 'POST', '/api/otp/send/', { token, body: { email_or_phone: 'email' } })
    },
  },
  {
    name: 'a code in the second step of a sign-in',
    success: 200,
    prepare: async (world) => {
      const user = await verifiedUser(world, newEmail())
      await change(world, user, { twoFactorSince: world.clock.now() })
      const { access: token } = (await world.signIn(user)).body
      return request(world, 'POST', '/api/otp/send/', { token, body: { email_or_phone: 'email' } })
    },
  },
  {
    name: 'a code to reauthenticate',
    success: 200,
    prepare: async (world) => {
      const user = await verifiedUser(world, newEmail())
      await change(world, user, { twoFactorSince: world.clock.now() })
      const body = { email_or_phone: 'email', purpose: 'reauthentication' }
      return request(world, 'POST', '/api/otp/send/', { token: user.access, body })
    },
  },
  {
    name: 'a code to sign in by',
    success: 202,
    prepare: async (world) => {
      const { email } = await verifiedUser(world, newEmail())
      return request(world, 'POST', '/api/token/code/', { body: { email } })
    },
  },
  {
    name: 'a code to sign in by that nobody can use',
    success: 202,
    prepare: async (world) => request(world, 'POST', '/api/token/code/', { body: { email: newEmail() } }),
  },
  {
    name: 'a password reset',
    success: 202,
    prepare: async (world) => {
      const { email } = await world.signedInUser(newEmail())
      return request(world, 'POST', '/api/password/reset/', { body: { email } })
    },
  },
  {
    name: 'an invitation',
    success: 201,
    prepare: async (world) => {
      const { access: token } = await world.admin()
      return request(world, 'POST', '/api/admin/users/', { token, body: { email: newEmail() } })
    },
  },
  {
    name: 'a record replaced by its user',
    success: 200,
    prepare: async (world) => {
      const { access: token, email } = await world.signedInUser(newEmail())
      return request(world, 'PUT', '/api/users/me/', { token, body: { email, first_name: 'Sara' } })
    },
  },
  {
    name: 'a record changed by an admin',
    success: 200,
    prepare: byAdmin('PATCH', (id) => `/api/users/${id}/`, { first_name: 'Sara', phone: '09123456789' }),
  },
  {
    name: 'an account deleted by an admin',
    success: 204,
    prepare: byAdmin('DELETE', (id) => `/api/users/${id}/`),
  },
  {
    name: 'an account closed by an admin',
    success: 200,
    prepare: byAdmin('PATCH', (id) => `/api/admin/users/${id}/`, { is_active: false }),
  },
  {
    name: 'sessions ended by an admin',
    success: 204,
    prepare: byAdmin('DELETE', (id) => `/api/admin/users/${id}/sessions/`),
  },
  {
    name: 'a lost factor removed by an admin',
    success: 200,
    prepare: byAdmin('DELETE', (id) => `/api/admin/users/${id}/factors/totp/`),
  },
]
