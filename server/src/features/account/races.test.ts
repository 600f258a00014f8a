import { beforeEach, describe, expect, it } from 'vitest'
import { temporaryFolder } from '../../../test/database.ts'
import { type Answer, createWorld, PASSWORD, type SignedIn, type World } from '../../../test/world.ts'

/** Each test names the guard it proves, and was seen failing without it. */
const ROUNDS = 20
const PATIENCE = { timeout: 120_000 }

const OFF = {
  ...{ THROTTLE_ANON: 'off', THROTTLE_USER: 'off', THROTTLE_LOGIN: 'off', THROTTLE_REGISTER: 'off' },
  ...{ THROTTLE_REFRESH: 'off', THROTTLE_OTP_SEND: 'off', THROTTLE_OTP_VERIFY: 'off' },
}

let world: World

beforeEach(async () => {
  world = await createWorld({ settings: OFF })
})

const statusesOf = (answers: readonly Answer[]) => answers.map(({ status }) => status).sort()
const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index))
const rounds = async (play: (round: number) => Promise<void>): Promise<void> => {
  for (let round = 0; round < ROUNDS; round++) await play(round)
}

const countUsers = async (): Promise<number> => {
  const { db } = world.latchkey.foundation
  return (await db.selectFrom('users').select('id').execute()).length
}

describe('of twelve registrations at once', () => {
  // Guard: `on conflict do nothing returning` in users/store.ts. All twelve are past the question whether it is taken.
  it('of one address, one is made and eleven are told that it is taken', PATIENCE, async () => {
    await rounds(async (round) => {
      const body = { email: `sara${round}@example.com`, password: PASSWORD }
      const answers = await Promise.all(times(12, () => world.call('POST', '/api/users/', { body })))
      expect(statusesOf(answers)).toEqual([201, ...Array<number>(11).fill(400)])
      for (const { status, body } of answers) {
        if (status === 400) expect(body.email).toEqual(['user with this email already exists.'])
      }
      expect((await world.signIn(body)).status).toBe(200)
    })
    expect(await countUsers()).toBe(ROUNDS)
  })

  // Guard: the unique index on `mailbox_key`.
  it('of one mailbox, one is made', PATIENCE, async () => {
    const spellings = [
      's.ara',
      'sa.ra',
      'sar.a',
      's.a.ra',
      'sara',
      'sara+1',
      'sara+2',
      'S.ara',
      'Sara',
      'SARA',
      'sarA',
      's.a.r.a',
    ]
    const answers = await Promise.all(
      spellings.map((local) =>
        world.call('POST', '/api/users/', { body: { email: `${local}@gmail.com`, password: PASSWORD } }),
      ),
    )
    expect(statusesOf(answers)).toEqual([201, ...Array<number>(11).fill(400)])
  })

  it('by two servers on one file, one is made and none fails', PATIENCE, async () => {
    const settings = { ...OFF, DATA_DIR: temporaryFolder() }
    const one = await createWorld({ settings, compose: { inMemory: false } })
    const two = await createWorld({ settings, compose: { inMemory: false } })
    for (let round = 0; round < 5; round++) {
      const body = { email: `sara${round}@example.com`, password: PASSWORD }
      const answers = await Promise.all(
        times(12, (index) => (index % 2 ? one : two).call('POST', '/api/users/', { body })),
      )
      expect(statusesOf(answers)).toEqual([201, ...Array<number>(11).fill(400)])
    }
  })
})

describe('of sixteen users who want one address', () => {
  let users: SignedIn[]

  beforeEach(async () => {
    users = await Promise.all(times(16, (index) => world.signedInUser(`guest${index}@example.com`)))
  })

  // Guard: `isEmailTaken` inside the transaction of the change, and behind it the unique index, heard by `asTaken`.
  it('one gets it and fifteen are told that it is taken', PATIENCE, async () => {
    await rounds(async (round) => {
      const body = { email: `sara${round}@example.com` }
      const answers = await Promise.all(
        users.map(({ id, access: token }) => world.call('PATCH', `/api/users/${id}/`, { token, body })),
      )
      expect(statusesOf(answers)).toEqual([200, ...Array<number>(15).fill(400)])
    })
  })

  // Guard: `isEmailTaken` in account/proof.ts, inside the transaction that uses the code up (invariant I5).
  it('and prove it at once, one gets it', PATIENCE, async () => {
    const { db } = world.latchkey.foundation
    const codes: string[] = []
    await db.updateTable('users').set({ emailVerifiedAt: world.clock.now() }).execute()
    const destinations = { email: 'sara@new.example' }
    for (const { id, access: token } of users.slice(0, 5)) {
      await world.call('PATCH', `/api/users/${id}/`, { token, body: destinations })
      codes.push(await world.codeTo(destinations.email))
    }
    const answers = await Promise.all(
      codes.map((code, index) =>
        world.call('POST', '/api/otp/verify/', { token: users[index]!.access, body: { code } }),
      ),
    )
    expect(statusesOf(answers)).toEqual([200, 400, 400, 400, 400])
    const holders = await db.selectFrom('users').select('id').where('emailKey', '=', destinations.email).execute()
    expect(holders).toHaveLength(1)
  })
})

describe('an admin is left', () => {
  // Guard: `lockAdmins` and the deletion are one transaction (invariant I6).
  it('when all admins delete each other, or themselves, at once', PATIENCE, async () => {
    const { db } = world.latchkey.foundation
    let admins = await Promise.all(times(16, () => world.admin()))
    await rounds(async (round) => {
      const victims = round % 2 === 0 ? admins : [...admins.slice(1), admins[0]!]
      const answers = await Promise.all(
        admins.map(({ access: token }, index) => world.call('DELETE', `/api/users/${victims[index]!.id}/`, { token })),
      )
      expect(statusesOf(answers).every((status) => [204, 401, 404, 409].includes(status))).toBe(true)
      const left = await db.selectFrom('users').select('id').where('adminSince', 'is not', null).execute()
      expect(left.length).toBeGreaterThanOrEqual(1)
      const kept = admins.filter(({ id }) => left.some((admin) => admin.id === id))
      admins = [...kept.slice(0, 1), ...(await Promise.all(times(1, () => world.admin())))]
      await db
        .deleteFrom('users')
        .where(
          'id',
          'not in',
          admins.map(({ id }) => id),
        )
        .execute()
    })
  })
})

describe('beside the deletion of its user', () => {
  const play = (ask: (user: SignedIn, index: number) => Promise<Answer>, fine: readonly number[]) =>
    rounds(async (round) => {
      const user = await world.signedInUser(`guest${round}@example.com`)
      const answers = await Promise.all(
        times(16, (index) =>
          index === round % 16 ? world.call('DELETE', '/api/users/me/', { token: user.access }) : ask(user, index),
        ),
      )
      const [removed] = answers.splice(round % 16, 1)
      expect(removed?.status).toBe(204)
      expect(statusesOf(answers).filter((status) => !fine.includes(status))).toEqual([])
      await expectNothingLeft(user)
    })

  async function expectNothingLeft(user: SignedIn): Promise<void> {
    const { db } = world.latchkey.foundation
    for (const table of ['sessions', 'challenges', 'devices', 'channelFailures'] as const) {
      expect(await db.selectFrom(table).select('userId').where('userId', '=', user.id).execute()).toEqual([])
    }
    expect((await world.call('GET', '/api/users/me/', { token: user.access })).status).toBe(401)
    expect((await world.call('POST', '/api/token/refresh/', { body: { refresh: user.refresh } })).status).toBe(401)
  }

  // Guard: a rotation is one update of a row that must be there, and its user is asked after it.
  it('a refresh is answered by tokens or 401, and brings nothing back', PATIENCE, () =>
    play(({ refresh }) => world.call('POST', '/api/token/refresh/', { body: { refresh } }), [200, 401]),
  )

  // Guard: the user is asked again in the transaction that would store the code.
  it('a code is sent or refused', PATIENCE, () =>
    play(
      ({ access: token }) => world.call('POST', '/api/otp/send/', { token, body: { email_or_phone: 'email' } }),
      [200, 401, 429],
    ),
  )

  // Guard: the user is asked again in the transaction that would begin the session.
  it('a sign-in is answered by tokens or 401', PATIENCE, () => play((user) => world.signIn(user), [200, 401]))

  it('a change is made or refused', PATIENCE, () =>
    play(
      ({ access: token }, index) => world.call('PATCH', '/api/users/me/', { token, body: { first_name: `${index}` } }),
      [200, 401, 404],
    ),
  )
})

// Guard: AUTOINCREMENT (invariant I9).
it('gives no number twice when accounts come and go at once', PATIENCE, async () => {
  const seen = new Set<number>()
  await rounds(async (round) => {
    const users = await Promise.all(times(4, (index) => world.signedInUser(`guest${round}.${index}@example.com`)))
    for (const { id } of users) {
      expect(seen.has(id)).toBe(false)
      seen.add(id)
    }
    await Promise.all(users.map(({ access: token }) => world.call('DELETE', '/api/users/me/', { token })))
  })
})
