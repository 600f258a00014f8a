import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { undo, undoTokensTo } from '../../../test/changes.ts'
import { temporaryFolder } from '../../../test/database.ts'
import { appCode, beginApp, confirmApp } from '../../../test/factors.ts'
import { askForCode, change, confirmCode, signInCode } from '../../../test/sign-in-codes.ts'
import { askForReset, changePassword, confirmReset, resetMail } from '../../../test/passwords.ts'
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

  // Guard: the user is asked for again, and locked, in the transaction that sets it (account/password-change.ts, -reset.ts).
  it('a password is changed, or has nobody to be changed for', PATIENCE, async () => {
    const statuses = await deletedAtEveryMoment(async (user) => () => changePassword(world, user))
    expect(statuses).toEqual(new Set([204, 401]))
  })

  it('a password is reset, or by nobody’s mail any more', PATIENCE, async () => {
    const statuses = await deletedAtEveryMoment(async (user) => {
      const { token } = await resetMail(world, user)
      return () => confirmReset(world, { token })
    })
    expect(statuses).toEqual(new Set([204, 400]))
  })

  it('asking for a reset is answered as ever', PATIENCE, async () => {
    expect(
      await deletedAtEveryMoment(
        async ({ email }) =>
          () =>
            askForReset(world, email),
      ),
    ).toEqual(new Set([202]))
  })

  it('a change is undone, or there is none to undo', PATIENCE, async () => {
    const { db } = world.latchkey.foundation
    const statuses = await deletedAtEveryMoment(async (user) => {
      await db.updateTable('users').set({ emailVerifiedAt: world.clock.now() }).where('id', '=', user.id).execute()
      await world.call('PATCH', '/api/users/me/', { token: user.access, body: { email: `new${user.id}@example.com` } })
      const [token] = await undoTokensTo(world, user.email)
      await db.updateTable('addressChanges').set({ completedAt: world.clock.now() }).execute()
      return () => undo(world, token)
    })
    expect(statuses).toEqual(new Set([200, 400]))
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

  // Guard: the user is asked again in the transaction that stores the code (signin/code-sign-in.ts).
  it('a code to sign in is asked for, and the answer is the same', PATIENCE, async () => {
    const statuses = await deletedAtEveryMoment(async (user) => {
      await change(world, user, { emailVerifiedAt: world.clock.now() })
      return () => askForCode(world, { email: user.email })
    })
    expect(statuses).toEqual(new Set([202]))
  })

  it('a sign-in by code is answered by tokens, or as a wrong code is', PATIENCE, async () => {
    const statuses = await deletedAtEveryMoment(async (user) => {
      await change(world, user, { emailVerifiedAt: world.clock.now() })
      const { challenge, code } = await signInCode(world, user)
      return () => confirmCode(world, challenge, code)
    })
    expect(statuses).toEqual(new Set([200, 400]))
  })

  it('what an admin does is done, or there is nobody to do it to', PATIENCE, async () => {
    const admin = await world.admin()
    const statuses = await deletedAtEveryMoment(
      async ({ id }) =>
        () =>
          world.call('PATCH', `/api/admin/users/${id}/`, { token: admin.access, body: { is_active: false } }),
    )
    expect(statuses).toEqual(new Set([200, 404]))
  })
})
