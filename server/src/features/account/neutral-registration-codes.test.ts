import { beforeEach, describe, expect, it } from 'vitest'
import { otherCodes, said, WRONG } from '../../../test/codes.ts'
import { askToRegister, confirm, SARA } from '../../../test/registrations.ts'
import { UNLIMITED } from '../../../test/unlimited.ts'
import { inTurn, statuses } from '../../../test/wire.ts'
import { createWorld, type World } from '../../../test/world.ts'
import { minutes, seconds } from '../../kernel/duration.ts'

let world: World

const start = async (settings: Readonly<Record<string, string>> = {}): Promise<void> => {
  world = await createWorld({ settings: { ...UNLIMITED, REGISTRATION: 'neutral', ...settings } })
}

beforeEach(() => start())

describe('a code', () => {
  it('has five tries, once, and two minutes', async () => {
    await askToRegister(world)
    const code = await world.codeTo(SARA)
    for (const wrong of otherCodes(5, code)) expect(said(await confirm(world, wrong))).toEqual(WRONG)
    expect(said(await confirm(world, code))).toEqual(WRONG)
    world.clock.turn(minutes(1))
    await askToRegister(world)
    const second = await world.codeTo(SARA)
    world.clock.turn(minutes(2))
    expect(said(await confirm(world, second))).toEqual(WRONG)
    await askToRegister(world)
    const third = await world.codeTo(SARA)
    expect((await confirm(world, third)).status).toBe(201)
    expect(said(await confirm(world, third))).toEqual(WRONG)
  })

  it('ends with the next one asked for from the same network, and the next password is the one', async () => {
    await askToRegister(world)
    const first = await world.codeTo(SARA)
    const tooSoon = await askToRegister(world)
    expect([tooSoon.status, tooSoon.headers['retry-after']]).toEqual([429, '60'])
    world.clock.turn(seconds(60))
    await askToRegister(world, SARA, { password: 'Better-Horse-8' })
    expect(said(await confirm(world, first))).toEqual(WRONG)
    expect((await confirm(world, await world.codeTo(SARA))).status).toBe(201)
    expect((await world.signIn({ email: SARA, password: 'Better-Horse-8' })).status).toBe(200)
  })

  it('is proven from another network too, while nobody else asks for the address', async () => {
    await askToRegister(world)
    expect((await confirm(world, await world.codeTo(SARA), SARA, '203.0.113.5')).status).toBe(201)
  })

  it('is kept only as a hash, and no password that was not proven stays beside the account', async () => {
    await askToRegister(world)
    await askToRegister(world, SARA, { from: '203.0.113.5' })
    const code = await world.codeTo(SARA)
    const rows = () => world.latchkey.foundation.db.selectFrom('pendingRegistrations').selectAll().execute()
    expect(JSON.stringify(await rows())).not.toContain(code)
    expect((await confirm(world, code, SARA, '203.0.113.5')).status).toBe(201)
    expect((await rows()).map(({ passwordHash }) => passwordHash)).toEqual(['!', '!'])
  })
})

describe('a stranger who registers the same address', () => {
  const STRANGER = '203.0.113.66'

  it('ends nobody’s code, holds nobody up and uses up nobody’s tries', async () => {
    await askToRegister(world)
    const code = await world.codeTo(SARA)
    expect((await askToRegister(world, SARA, { from: STRANGER })).status).toBe(202)
    const wrong = await inTurn(20, () => confirm(world, otherCodes(1, code)[0], SARA, STRANGER))
    expect(statuses(wrong)).toEqual({ 400: 20 })
    expect((await confirm(world, code)).status).toBe(201)
  })

  it('never has his password proven by the owner, who cannot tell two mails apart', async () => {
    await askToRegister(world)
    const mine = await world.codeTo(SARA)
    await askToRegister(world, SARA, { from: STRANGER, password: 'Strangers-Horse-1' })
    const theirs = await world.codeTo(SARA)
    expect(theirs).not.toBe(mine)
    expect(said(await confirm(world, theirs))).toEqual(WRONG)
    expect((await confirm(world, mine)).status).toBe(201)
    expect((await world.signIn({ email: SARA, password: 'Strangers-Horse-1' })).status).toBe(401)
  })

  it('cannot fill the mailbox: past five an hour the answer stays and nothing is sent', async () => {
    await start({ THROTTLE_OTP_SEND: '10/hour' })
    const answers = await inTurn(8, (index) => askToRegister(world, SARA, { from: `203.0.113.${index}` }))
    expect(statuses(answers)).toEqual({ 202: 8 })
    expect(await world.inbox(SARA)).toHaveLength(5)
  })
})
