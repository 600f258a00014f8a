import { AS_WRITTEN } from '../../../test/insertion-order.ts'
import { describe, expect, it } from 'vitest'
import { codeFor, PHONE, sendCode, setPhone, verifyCode } from '../../../test/codes.ts'
import { beginSignIn, fortified } from '../../../test/second-step.ts'
import { askForCode, reachableUser, withPhone } from '../../../test/sign-in-codes.ts'
import { inTurn, statuses } from '../../../test/wire.ts'
import { createWorld, type SignedIn, type World } from '../../../test/world.ts'
import { days, hours, minutes } from '../../kernel/duration.ts'

const FRENCH = '+33612345678'

/** What registers and asks often from one place is held up elsewhere too. */
const EAGER = { THROTTLE_REGISTER: '1000/hour', THROTTLE_OTP_SEND: '1000/hour' }

/** In the order they were written. */
const decisionsIn = ({ latchkey }: World) =>
  latchkey.foundation.db.selectFrom('smsDecisions').selectAll().orderBy(AS_WRITTEN).execute()

async function strangerWith(world: World, phone: string): Promise<SignedIn> {
  const user = await world.signedInUser()
  await setPhone(world, user, phone)
  return user
}

/** Somebody new asks for a code to a number of his own, the `n`-th of a range. */
const pump = async (world: World, n: number) =>
  sendCode(world, await strangerWith(world, `+98912345${String(n).padStart(4, '0')}`), 'phone')

describe('a code by SMS', () => {
  it('goes to the default region alone, unless SMS_COUNTRIES says otherwise', async () => {
    const world = await createWorld()
    const answer = await sendCode(world, await strangerWith(world, FRENCH), 'phone')
    expect([answer.status, answer.body.code]).toEqual([403, 'sms_refused'])
    expect(await world.inbox(FRENCH)).toEqual([])
    const open = await createWorld({ settings: { SMS_COUNTRIES: 'ir, fr' } })
    for (const phone of [FRENCH, PHONE])
      expect((await sendCode(open, await strangerWith(open, phone), 'phone')).status).toBe(200)
    const everywhere = await createWorld({ settings: { SMS_COUNTRIES: '*' } })
    expect((await sendCode(everywhere, await strangerWith(everywhere, FRENCH), 'phone')).status).toBe(200)
  })

  it('goes to no network beyond countries, however many are allowed', async () => {
    const world = await createWorld({ settings: { SMS_COUNTRIES: '*' } })
    const answer = await sendCode(world, await strangerWith(world, '+870773111632'), 'phone')
    expect([answer.status, answer.body.code]).toEqual([403, 'sms_refused'])
  })

  it('beyond a limit is refused with the time to wait, and goes once that has passed', async () => {
    const world = await createWorld({ settings: { ...EAGER, SMS_PER_RANGE_HOUR: '3' } })
    const answers = await inTurn(3, (n) => pump(world, n))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
    const user = await strangerWith(world, '+989123459999')
    const refused = await sendCode(world, user, 'phone')
    expect([refused.status, refused.body.code, refused.headers['retry-after']]).toEqual([429, 'sms_limited', '3600'])
    world.clock.turn(hours(1))
    expect((await sendCode(world, (await world.signIn(user)).body, 'phone')).status).toBe(200)
  })

  it('that was refused leaves the one before as it was', async () => {
    const world = await createWorld({ settings: { SMS_PER_NUMBER_DAY: '1' } })
    const user = await strangerWith(world, PHONE)
    const code = await codeFor(world, user, 'phone')
    world.clock.turn(minutes(1))
    expect((await sendCode(world, user, 'phone')).status).toBe(429)
    expect((await verifyCode(world, user, code)).status).toBe(200)
  })

  it('is on record with its reason and its price, and when it was proven; the number itself is not', async () => {
    const world = await createWorld({ settings: { SMS_PRICES: 'IR=0.0125,*=2', SMS_CURRENCY: 'eur' } })
    const user = await strangerWith(world, PHONE)
    await verifyCode(world, user, await codeFor(world, user, 'phone'))
    await sendCode(world, await strangerWith(world, FRENCH), 'phone')
    const rows = await decisionsIn(world)
    const common = { at: world.clock.now(), network: '127.0.0.1', purpose: 'verification', mode: 'enforce' }
    expect(rows).toMatchObject([
      { ...common, country: 'IR', prefix: '+98912345', decision: 'allowed', reason: null, price: 125 },
      { ...common, country: 'FR', decision: 'refused', reason: 'country_not_allowed', price: 20_000, verifiedAt: null },
    ])
    expect(rows[0]?.verifiedAt).toEqual(world.clock.now())
    expect(JSON.stringify(rows)).not.toContain('3456789')
  })

  it('is sent all the same where the firewall only observes, and recorded as what it would have refused', async () => {
    const world = await createWorld({ settings: { SMS_FIREWALL: 'observe', ...EAGER, SMS_PER_RANGE_HOUR: '1' } })
    for (const n of [1, 2, 3]) expect((await pump(world, n)).status).toBe(200)
    const rows = await decisionsIn(world)
    expect(rows.map(({ decision, reason, mode }) => [decision, reason, mode])).toEqual([
      ['allowed', null, 'observe'],
      ['refused', 'range_full', 'observe'],
      ['refused', 'range_full', 'observe'],
    ])
  })
})

describe('the owner of a verified number', () => {
  it('passes the second step when strangers have used up his range, his address and his country', async () => {
    const settings = { ...EAGER, SMS_PER_RANGE_HOUR: '2', SMS_PER_ADDRESS_HOUR: '2', SMS_PER_COUNTRY_DAY: '2' }
    const world = await createWorld({ settings })
    const { user } = await fortified(world)
    await inTurn(3, (n) => pump(world, n))
    expect((await pump(world, 4)).status).toBe(429)
    const candidate = await beginSignIn(world, user)
    expect((await sendCode(world, candidate, 'phone')).status).toBe(200)
    expect((await verifyCode(world, candidate, await world.codeTo(PHONE))).status).toBe(200)
  })

  it('has a fifth of the budget that strangers cannot spend, and not a message more than the budget', async () => {
    const settings = { ...EAGER, SMS_PRICES: 'IR=1', SMS_BUDGET_HOUR: '5', OTP_RESEND_SECONDS: '0' }
    const world = await createWorld({ settings })
    const { user } = await fortified(world)
    world.clock.turn(hours(1))
    const strangers = await inTurn(5, (n) => pump(world, n))
    expect(strangers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 429])
    const candidate = await beginSignIn(world, user)
    expect((await sendCode(world, candidate, 'phone')).status).toBe(200)
    expect((await sendCode(world, candidate, 'phone')).body.code).toBe('sms_limited')
  })
})

it('tells the operator what was refused and why: in the log without the whole number, in the metrics by reason', async () => {
  const settings = { ...EAGER, SMS_PER_RANGE_HOUR: '2', METRICS_TOKEN: 'x'.repeat(32) }
  const world = await createWorld({ settings })
  await inTurn(4, (n) => pump(world, n))
  const line = world
    .logged()
    .split('\n')
    .find((each) => each.includes('the SMS firewall refused a code'))
  expect(JSON.parse(line!)).toMatchObject({ reason: 'range_full', country: 'IR', purpose: 'verification' })
  const headers = { authorization: `Bearer ${settings.METRICS_TOKEN}` }
  const { text } = await world.call('GET', '/metrics', { headers })
  expect(text).toMatch(/latchkey_sms_decisions_total\{decision="refused",reason="range_full",mode="enforce"\} 2/)
  expect(text).toMatch(/latchkey_refusals_total\{code="sms_limited"[^}]*\} 2/)
})

describe('a budget used up', () => {
  it('is loud in the log and told by /readyz until a code is sent again', async () => {
    const world = await createWorld({ settings: { ...EAGER, SMS_PRICES: 'IR=1', SMS_BUDGET_DAY: '2.5' } })
    await inTurn(3, (n) => pump(world, n))
    const usedUp = { budget: 'day', at: world.clock.now().toISOString() }
    expect((await world.call('GET', '/readyz')).body).toMatchObject({ status: 'ready', sms_budget_used_up: usedUp })
    expect(world.logged()).toContain('the budget for SMS is used up')
    world.clock.turn(days(1))
    await pump(world, 9)
    expect((await world.call('GET', '/readyz')).body).not.toHaveProperty('sms_budget_used_up')
  })

  it('holds nothing back where the firewall only observes, and is not told as if it did', async () => {
    const settings = { ...EAGER, SMS_FIREWALL: 'observe', SMS_PRICES: 'IR=1', SMS_BUDGET_DAY: '1' }
    const world = await createWorld({ settings })
    expect(statuses(await inTurn(2, (n) => pump(world, n)))).toEqual({ 200: 2 })
    expect((await world.call('GET', '/readyz')).body).not.toHaveProperty('sms_budget_used_up')
    expect(world.logged()).toMatch(/"mode":"observe","reason":"budget_day".*the SMS firewall would have refused a code/)
    expect(world.logged()).not.toContain('held back')
  })
})

describe('a code to sign in by', () => {
  it('is answered alike whether it was sent, refused or for nobody, and spends no money on nobody', async () => {
    const world = await createWorld({ settings: { SMS_PRICES: 'IR=1', SMS_PER_NUMBER_DAY: '1' } })
    await reachableUser(world, withPhone(world))
    const numbers = [PHONE, PHONE, '+989120000001', FRENCH]
    const answers = await inTurn(4, (n) => askForCode(world, { phone: numbers[n] }, `198.51.100.${n}`))
    for (const { status, body } of answers) expect([status, Object.keys(body)]).toEqual([202, ['challenge']])
    expect(await world.inbox(PHONE)).toHaveLength(1)
    const rows = await decisionsIn(world)
    expect(rows.map(({ decision, reason, price }) => [decision, reason, price])).toEqual([
      ['allowed', null, 10_000],
      ['refused', 'number_full', 10_000],
      ['allowed', 'decoy', 0],
      ['refused', 'decoy', 0],
    ])
  })

  it('held back by the cooldown leaves no decision behind', async () => {
    const world = await createWorld()
    await reachableUser(world, withPhone(world))
    await askForCode(world, { phone: PHONE })
    expect((await askForCode(world, { phone: PHONE })).status).toBe(429)
    expect(await decisionsIn(world)).toHaveLength(1)
  })
})
