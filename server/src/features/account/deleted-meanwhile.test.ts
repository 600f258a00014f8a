import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { temporaryFolder } from '../../../test/database.ts'
import { appCode, beginApp, confirmApp } from '../../../test/factors.ts'
import { UNLIMITED } from '../../../test/unlimited.ts'
import { type Answer, createWorld, type SignedIn, type World } from '../../../test/world.ts'

/**
 * Another process deletes the user just before the n-th statement of a request, for every n there is. Where a transaction
 * is open it cannot, and the request must succeed. A test that names a guard was seen failing without it.
 */
let world: World
let other: DatabaseSync
let statementsLeft: number
let strike: () => void

const PATIENCE = { timeout: 120_000 }

beforeEach(async () => {
  const folder = temporaryFolder()
  statementsLeft = Infinity
  const beforeStatement = () => {
    statementsLeft -= 1
    if (statementsLeft === 0) strike()
  }
  world = await createWorld({
    settings: { ...UNLIMITED, DATA_DIR: folder },
    compose: { inMemory: false, beforeStatement },
  })
  other = new DatabaseSync(join(folder, 'latchkey.db'))
  onTestFinished(() => other.close())
})

function deleteElsewhere(id: number): void {
  try {
    other.prepare('delete from users where id = ?').run(id)
  } catch (error) {
    // The request holds the lock at this moment: it is first, and the user stays.
    expect((error as { errcode?: number }).errcode).toBe(5)
  }
}

/** Every status that was answered. */
async function deletedAtEveryMoment(prepare: (user: SignedIn) => Promise<() => Promise<Answer>>): Promise<Set<number>> {
  const statuses = new Set<number>()
  for (let moment = 1; ; moment++) {
    const user = await world.signedInUser(`guest${moment}@example.com`)
    const ask = await prepare(user)
    strike = () => deleteElsewhere(user.id)
    statementsLeft = moment
    const { status } = await ask()
    const wasStruck = statementsLeft <= 0
    statementsLeft = Infinity
    statuses.add(status)
    if (!wasStruck) return statuses
  }
}

const ask = (user: SignedIn, path: string, body: unknown) => world.call('POST', path, { token: user.access, body })
const send = (user: SignedIn) => ask(user, '/api/otp/send/', { email_or_phone: 'email' })

describe('whenever its user is deleted', () => {
  // Guard: the user is asked after the rotation (signin/token-routes.ts).
  it('a refresh is answered by tokens or by 401', PATIENCE, async () => {
    const statuses = await deletedAtEveryMoment(
      async ({ refresh }) =>
        () =>
          world.call('POST', '/api/token/refresh/', { body: { refresh } }),
    )
    expect(statuses).toEqual(new Set([200, 401]))
  })

  // Guard: the user is asked again in the transaction that stores the code (account/codes.ts).
  it('a code is sent or refused by 401', PATIENCE, async () => {
    expect(await deletedAtEveryMoment(async (user) => () => send(user))).toEqual(new Set([200, 401]))
  })

  // Guard: the user is asked again in the transaction that begins the session (signin/service.ts).
  it('a sign-in is answered by tokens or by 401', PATIENCE, async () => {
    expect(await deletedAtEveryMoment(async (user) => () => world.signIn(user))).toEqual(new Set([200, 401]))
  })

  it('a code is taken, or is no code any more', PATIENCE, async () => {
    const statuses = await deletedAtEveryMoment(async (user) => {
      await send(user)
      const code = await world.codeTo(user.email)
      return () => ask(user, '/api/otp/verify/', { code })
    })
    expect(statuses).toEqual(new Set([200, 400, 401]))
  })

  // Guard: the code to the new address is stored only where the user is still there (account/codes.ts).
  it('a change is made, or has nobody to be made to', PATIENCE, async () => {
    const { db } = world.latchkey.foundation
    const statuses = await deletedAtEveryMoment(async ({ id, access: token }) => {
      const verified = { emailVerifiedAt: world.clock.now() }
      await db.updateTable('users').set(verified).where('id', '=', id).execute()
      const body = { first_name: 'Sara', email: `new${id}@example.com` }
      return () => world.call('PATCH', '/api/users/me/', { token, body })
    })
    expect(statuses).toEqual(new Set([200, 401, 404]))
  })

  it('a deletion is done, or has nobody left to delete', PATIENCE, async () => {
    const statuses = await deletedAtEveryMoment(
      async ({ access: token }) =>
        () =>
          world.call('DELETE', '/api/users/me/', { token }),
    )
    expect(statuses).toEqual(new Set([204, 401, 404]))
  })

  it('a logout is heard, or has nobody to log out', PATIENCE, async () => {
    const statuses = await deletedAtEveryMoment(
      async (user) => () => ask(user, '/api/logout/', { refresh: user.refresh }),
    )
    expect(statuses).toEqual(new Set([200, 400, 401]))
  })

  // Guard: the user is asked for in the transaction that adds or turns on (factors/enrolment.ts, factors/two-factor.ts).
  it.each([
    ['an authenticator app is begun', 'POST', '/api/totp/', undefined],
    ['recovery codes are made', 'POST', '/api/recovery-codes/', undefined],
    ['two factors are turned on', 'PUT', '/api/two-factor/', { enabled: true }],
    ['two factors stay off', 'PUT', '/api/two-factor/', { enabled: false }],
    ['factors are listed', 'GET', '/api/factors/', undefined],
  ] as const)('%s, or for nobody', PATIENCE, async (_, method, path, body) => {
    const statuses = await deletedAtEveryMoment(async ({ id, access: token }) => {
      const verified = { emailVerifiedAt: world.clock.now() }
      await world.latchkey.foundation.db.updateTable('users').set(verified).where('id', '=', id).execute()
      return () => world.call(method, path, { token, ...(body && { body }) })
    })
    expect(statuses).toEqual(new Set([200, 401]))
  })

  it('an authenticator app is confirmed, or for nobody', PATIENCE, async () => {
    const statuses = await deletedAtEveryMoment(async (user) => {
      const verified = { emailVerifiedAt: world.clock.now() }
      await world.latchkey.foundation.db.updateTable('users').set(verified).where('id', '=', user.id).execute()
      const { secret } = (await beginApp(world, user)).body
      return () => confirmApp(world, user, appCode(secret, world.clock.now()))
    })
    expect(statuses).toEqual(new Set([200, 401]))
  })
})
