import { describe, expect, it } from 'vitest'
import { minutes } from '../../src/kernel/duration.ts'
import { type Answer, createWorld, PASSWORD, type SignedIn, type World } from '../world.ts'
import { askForReset, changePassword, confirmReset, resetMail } from '../passwords.ts'
import { ACCOUNT_OPERATIONS } from './account-operations.ts'
import { dump, fallenCounters, shapeOf } from './dump.ts'
import { FACTOR_OPERATIONS } from './factor-operations.ts'
import { NEUTRAL_OPERATIONS } from './neutral-operations.ts'
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

const OPERATIONS: readonly Operation[] = [
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

/** A world whose database fails at the n-th statement from when it is armed. */
async function breakableWorld(
  settings: Readonly<Record<string, string>>,
): Promise<{ world: World; arm: (n: number) => void; disarm: () => number }> {
  let count = 0
  let failing = 0
  const world = await createWorld({
    settings: {
      THROTTLE_ANON: 'off',
      THROTTLE_REGISTER: 'off',
      THROTTLE_LOGIN: '1000000/min',
      THROTTLE_OTP_SEND: 'off',
      THROTTLE_RESET: 'off',
      ...settings,
    },
    compose: {
      beforeStatement() {
        if (++count === failing) throw Object.assign(new Error('disk I/O error'), { errcode: 10 })
      },
    },
  })
  const set = (n: number): number => {
    const seen = count
    count = 0
    failing = n
    return seen
  }
  return { world, arm: set, disarm: () => set(0) }
}

const EVERY_OPERATION = [...OPERATIONS, ...FACTOR_OPERATIONS, ...ACCOUNT_OPERATIONS, ...NEUTRAL_OPERATIONS]

describe.each(EVERY_OPERATION)('$name', ({ success, settings = {}, prepare, firstStep, forgetsFailures }) => {
  // Take the transaction away around what an operation writes, and the statement after its first write tells.
  it('is done whole or not at all, and works at the next try, whichever of its statements fails', async () => {
    const { world, arm, disarm } = await breakableWorld(settings)
    const { db } = world.latchkey.foundation
    const clean = await prepare(world)
    const pristine = await dump(db)
    disarm()
    expect((await clean()).status).toBe(success)
    const statements = disarm()
    const whole = shapeOf(pristine, await dump(db))
    expect(statements).toBeGreaterThan(1)

    for (let n = 1; n <= statements; n++) {
      const act = await prepare(world)
      const before = await dump(db)
      arm(n)
      const broken = await act()
      disarm()
      const after = await dump(db)
      const shape = shapeOf(before, after)
      expect([broken.status, broken.body.code], `statement ${n} of ${statements}`).toEqual([500, 'internal_error'])
      expect(broken.text).not.toMatch(/disk|select|update|insert/i)
      expect([[], firstStep ?? [], whole], `statement ${n} left it half done`).toContainEqual(shape)
      if (!forgetsFailures) expect(fallenCounters(before, after)).toEqual([])
      await expectWorksNow(act, success, n)
      world.clock.turn(minutes(3))
    }
  }, 60_000)
})

async function expectWorksNow(act: () => Promise<Answer>, success: number, n: number): Promise<void> {
  const again = await act()
  expect(again.status, `the next try after statement ${n} failed: ${again.text}`).toBe(success)
}
