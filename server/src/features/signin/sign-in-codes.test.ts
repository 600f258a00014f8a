import { beforeEach, describe, expect, it } from 'vitest'
import { otherCodes, said, WRONG } from '../../../test/codes.ts'
import {
  askForCode,
  change,
  confirmCode,
  reachableUser,
  type SentCode,
  signInCode,
} from '../../../test/sign-in-codes.ts'
import { UNLIMITED } from '../../../test/unlimited.ts'
import { atOnce, inTurn, statuses } from '../../../test/wire.ts'
import { createWorld, type World } from '../../../test/world.ts'
import { minutes } from '../../kernel/duration.ts'

let world: World

const start = async (settings: Readonly<Record<string, string>> = {}): Promise<void> => {
  world = await createWorld({ settings: { ...UNLIMITED, ...settings } })
}

beforeEach(() => start())

const confirmed = ({ challenge, code }: SentCode) => confirmCode(world, challenge, code)

describe('a code to sign in', () => {
  it('is good once, for twenty at once too', async () => {
    const sent = await signInCode(world, await reachableUser(world))
    expect(statuses(await atOnce(20, () => confirmed(sent)))).toEqual({ 200: 1, 400: 19 })
    expect(said(await confirmed(sent))).toEqual(WRONG)
  })

  it('has five tries, decoys like others, and no more for twenty at once', async () => {
    const { challenge, code } = await signInCode(world, await reachableUser(world))
    const decoy = (await askForCode(world, { email: 'nobody@example.com' })).body.challenge
    const wrong = otherCodes(20, code)
    expect(statuses(await atOnce(20, (index) => confirmCode(world, challenge, wrong[index])))).toEqual({ 400: 20 })
    await atOnce(20, (index) => confirmCode(world, decoy, wrong[index]))
    expect(said(await confirmCode(world, challenge, code))).toEqual(WRONG)
    const { db } = world.latchkey.foundation
    const tries = await db.selectFrom('challenges').select('tries').where('purpose', '=', 'sign_in').execute()
    expect(tries).toEqual([{ tries: 5 }, { tries: 5 }])
  })

  it('is refused alike when expired, unknown, no challenge at all, or another purpose', async () => {
    const user = await reachableUser(world)
    const { challenge, code } = await signInCode(world, user)
    expect(said(await confirmCode(world, '019ab0c1-7d2e-7a53-9c41-2b6f0e8d5a17', code))).toEqual(WRONG)
    expect(said(await confirmCode(world, 'junk', code))).toEqual(WRONG)
    world.clock.turn(minutes(2))
    expect(said(await confirmCode(world, challenge, code))).toEqual(WRONG)
    await world.call('POST', '/api/otp/send/', { token: user.access, body: { email_or_phone: 'email' } })
    const { db } = world.latchkey.foundation
    const other = await db
      .selectFrom('challenges')
      .select('id')
      .where('purpose', '!=', 'sign_in')
      .executeTakeFirstOrThrow()
    expect(said(await confirmCode(world, other.id, await world.codeTo(user.email)))).toEqual(WRONG)
  })

  it('ends with the one that was asked for next', async () => {
    const user = await reachableUser(world)
    const first = await signInCode(world, user)
    world.clock.turn(minutes(1))
    const second = await signInCode(world, user)
    expect(said(await confirmed(first))).toEqual(WRONG)
    expect((await confirmed(second)).status).toBe(200)
  })

  it.each([
    ['closed', { deactivatedAt: new Date('2026-11-22T09:00:00Z') }],
    ['given another address', { email: 'new@example.com', emailKey: 'new@example.com', mailboxKey: null }],
    ['no longer sure of its address', { emailVerifiedAt: null }],
  ] as const)('opens no account that was %s meanwhile, and is used up', async (_, changes) => {
    const user = await reachableUser(world)
    const sent = await signInCode(world, user)
    await change(world, user, changes)
    expect(said(await confirmed(sent))).toEqual(WRONG)
    await change(world, user, {
      deactivatedAt: null,
      email: user.email,
      emailKey: user.email,
      emailVerifiedAt: world.clock.now(),
    })
    expect(said(await confirmed(sent))).toEqual(WRONG)
  })

  it('is taken no more after a hundred wrong ones, while codes of sessions still are', async () => {
    await start({ THROTTLE_OTP_VERIFY: '1000/min' })
    const user = await reachableUser(world)
    const { challenge, code } = await signInCode(world, user)
    const failing = { userId: user.id, method: 'email', purpose: 'sign_in', failures: 99 } as const
    await world.latchkey.foundation.db.insertInto('factorFailures').values(failing).execute()
    await confirmCode(world, challenge, otherCodes(1, code)[0])
    expect(said(await confirmCode(world, challenge, code))).toEqual(WRONG)
    await world.call('POST', '/api/otp/send/', { token: user.access, body: { email_or_phone: 'email' } })
    const verified = await world.call('POST', '/api/otp/verify/', {
      token: user.access,
      body: { code: await world.codeTo(user.email) },
    })
    expect(verified.status).toBe(200)
    const { db } = world.latchkey.foundation
    const locked = db.selectFrom('auditEvents').select('details').where('type', '=', 'method_locked')
    expect(JSON.parse((await locked.executeTakeFirstOrThrow()).details)).toEqual({
      method: 'email',
      purpose: 'sign_in',
    })
  })
})

it('an address that has used up its codes still has them for whoever shows a device of the account', async () => {
  await start({ THROTTLE_OTP_SEND: '10/hour' })
  const { email, password } = await reachableUser(world)
  const { device } = (await world.call('POST', '/api/token/', { body: { email, password, device: 'new' } })).body
  await inTurn(10, (index) => askForCode(world, { email: `nobody${index}@example.com` }))
  expect((await askForCode(world, { email, device })).status).toBe(202)
  expect((await askForCode(world, { email })).status).toBe(429)
  expect((await askForCode(world, { email: 'nobody@example.com', device })).status).toBe(429)
})
