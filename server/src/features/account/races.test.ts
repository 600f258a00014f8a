import { beforeEach, describe, expect, it } from 'vitest'
import { temporaryFolder } from '../../../test/database.ts'
import { UNLIMITED } from '../../../test/unlimited.ts'
import { atOnce, inTurn, statuses } from '../../../test/wire.ts'
import { createWorld, PASSWORD, type SignedIn, type World } from '../../../test/world.ts'

/** Each test names the guard it proves, and was seen failing without it. */
const ROUNDS = 20
const CALLERS = 16
const PATIENCE = { timeout: 120_000 }

let world: World

beforeEach(async () => {
  world = await createWorld({ settings: UNLIMITED })
})

const register = (email: string, at = world) => at.call('POST', '/api/users/', { body: { email, password: PASSWORD } })
const change = ({ access: token }: SignedIn, body: unknown) => world.call('PATCH', '/api/users/me/', { token, body })
const remove = (id: number | 'me', { access: token }: SignedIn) => world.call('DELETE', `/api/users/${id}/`, { token })
const verify = ({ access: token }: SignedIn, code: string) =>
  world.call('POST', '/api/otp/verify/', { token, body: { code } })

describe('of twelve registrations at once', () => {
  // Guard: `on conflict do nothing` in users/store.ts. All twelve are past the question whether the address is taken.
  it('of one address, one is made and eleven are told that it is taken', PATIENCE, async () => {
    await inTurn(ROUNDS, async (round) => {
      const email = `sara${round}@example.com`
      const answers = await atOnce(12, () => register(email))
      expect(statuses(answers)).toEqual({ 201: 1, 400: 11 })
      for (const { body } of answers.filter(({ status }) => status === 400)) {
        expect(body.email).toEqual(['user with this email already exists.'])
      }
      expect((await world.signIn({ email, password: PASSWORD })).status).toBe(200)
    })
    expect(await world.latchkey.foundation.db.selectFrom('users').select('id').execute()).toHaveLength(ROUNDS)
  })

  // Guard: the unique index on `mailbox_key`.
  it('of one mailbox, one is made', PATIENCE, async () => {
    const locals = 's.ara sa.ra sar.a s.a.ra sara sara+1 sara+2 S.ara Sara SARA sarA s.a.r.a'.split(' ')
    const answers = await Promise.all(locals.map((local) => register(`${local}@gmail.com`)))
    expect(statuses(answers)).toEqual({ 201: 1, 400: 11 })
  })

  // Guard: `on conflict do nothing`, where no line of ours stands between the two.
  it('by two servers on one file, one is made and none fails', PATIENCE, async () => {
    const options = { settings: { ...UNLIMITED, DATA_DIR: temporaryFolder() }, compose: { inMemory: false } }
    const servers = [await createWorld(options), await createWorld(options)]
    await inTurn(ROUNDS, async (round) => {
      const answers = await atOnce(12, (index) => register(`sara${round}@example.com`, servers[index % 2]))
      expect(statuses(answers)).toEqual({ 201: 1, 400: 11 })
    })
  })
})

describe('of sixteen users who want one address', () => {
  let users: SignedIn[]

  beforeEach(async () => {
    users = await atOnce(CALLERS, (index) => world.signedInUser(`guest${index}@example.com`))
  })

  // Guard: `isEmailTaken` inside the transaction of the change, and behind it the unique index, heard by `asTaken`.
  it('one gets it, and fifteen are told that it is taken', PATIENCE, async () => {
    await inTurn(ROUNDS, async (round) => {
      const answers = await Promise.all(users.map((user) => change(user, { email: `sara${round}@example.com` })))
      expect(statuses(answers)).toEqual({ 200: 1, 400: 15 })
    })
  })

  // Guard: `isEmailTaken` in account/proof.ts, inside the transaction that uses the code up (invariant I5).
  it('and prove it at once, one gets it', PATIENCE, async () => {
    const { db } = world.latchkey.foundation
    await db.updateTable('users').set({ emailVerifiedAt: world.clock.now() }).execute()
    await inTurn(ROUNDS, async (round) => {
      const email = `sara${round}@new.example`
      const codes = await inTurn(CALLERS, async (index) => {
        expect((await change(users[index]!, { email })).status).toBe(200)
        return world.codeTo(email)
      })
      const answers = await atOnce(CALLERS, (index) => verify(users[index]!, codes[index]!))
      expect(statuses(answers)).toEqual({ 200: 1, 400: 15 })
      expect(await db.selectFrom('users').select('id').where('email', '=', email).execute()).toHaveLength(1)
    })
  })

  // Guard: `isPhoneVerifiedByAnother` in account/proof.ts, inside the transaction that uses the code up (invariant I5).
  it('and prove one number at once, one has it verified', PATIENCE, async () => {
    const { db } = world.latchkey.foundation
    await inTurn(ROUNDS, async (round) => {
      const phone = `+9891234567${10 + round}`
      const codes = await inTurn(CALLERS, async (index) => {
        const { access: token } = users[index]!
        await change(users[index]!, { phone: null })
        await change(users[index]!, { phone })
        await world.call('POST', '/api/otp/send/', { token, body: { email_or_phone: 'phone' } })
        return world.codeTo(phone)
      })
      const answers = await atOnce(CALLERS, (index) => verify(users[index]!, codes[index]!))
      expect(statuses(answers)).toEqual({ 200: 1, 409: 15 })
      const holders = await db.selectFrom('users').select('id').where('phoneVerifiedAt', 'is not', null).execute()
      expect(holders).toHaveLength(1)
    })
  })
})

// Guard: the question who is the last admin and the deletion are one transaction (invariant I6).
it.each([
  { admins: 2, deleting: 'each other', shift: 1 },
  { admins: 2, deleting: 'themselves', shift: 0 },
  { admins: CALLERS, deleting: 'each other', shift: 1 },
])('leaves an admin when $admins admins delete $deleting at once', PATIENCE, async ({ admins: count, shift }) => {
  const { db } = world.latchkey.foundation
  await inTurn(count === 2 ? ROUNDS : 2, async () => {
    const admins = await atOnce(count, () => world.admin())
    const ids = admins.map(({ id }) => id)
    await db.deleteFrom('users').where('id', 'not in', ids).execute()
    const answers = await atOnce(count, (index) => remove(ids[(index + shift) % count]!, admins[index]!))
    expect(answers.filter(({ status }) => ![204, 401, 404, 409].includes(status))).toEqual([])
    const left = await db.selectFrom('users').select('id').where('adminSince', 'is not', null).execute()
    expect(left.length).toBeGreaterThanOrEqual(1)
  })
})

// Guard: AUTOINCREMENT (invariant I9).
it('gives no number twice when accounts come and go at once', PATIENCE, async () => {
  const seen = new Set<number>()
  await inTurn(ROUNDS, async (round) => {
    const users = await atOnce(4, (index) => world.signedInUser(`guest${round}.${index}@example.com`))
    for (const { id } of users) {
      expect(seen.has(id)).toBe(false)
      seen.add(id)
    }
    expect(statuses(await Promise.all(users.map((user) => remove('me', user))))).toEqual({ 204: 4 })
  })
})
