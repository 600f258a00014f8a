import { report } from '../../server/src/features/sms-firewall/service.ts'
import { before, days, minutes } from '../../server/src/kernel/duration.ts'
import { createSmsApp, type SmsApp } from './sms-app.ts'
import { askTo, createOwner, getsIn, signInAgain, signUp, verifies } from './sms-people.ts'

/**
 * What a run of SMS pumping costs with and without the firewall, on the real app with a clock that is turned: a ring of
 * accounts, each at an address of its own, asks nine hours long for codes to numbers it is paid for, as fast as it may, one
 * half of them at home and one half abroad. Meanwhile owners pass their second step, from the range that is pumped most, and
 * newcomers verify their numbers. Ends by itself.
 */

const HOURS = 9
const RING = 30
const OWNERS = 3
const CODES_AN_HOUR = 9 // of an account; THROTTLE_OTP_SEND allows ten

// Throttles go by the machine's own clock, not by the one that is turned: what they allow an hour is kept to here instead.
const UNHURRIED = { THROTTLE_OTP_SEND: '100000/hour', THROTTLE_USER: 'off', THROTTLE_REFRESH: 'off' }
const OWNERS_COME_EVERY = 3 // hours: no number is sent more than five codes in one

const PRICES = { SMS_PRICES: 'IR=0.02,LV=0.12,*=0.10', SMS_CURRENCY: 'USD' }

const RUNS: readonly (readonly [name: string, settings: Readonly<Record<string, string>>])[] = [
  ['without (observe)', { SMS_FIREWALL: 'observe' }],
  ['default', {}],
  ['default, all countries', { SMS_COUNTRIES: '*' }],
  ['all countries, budget 3 an hour, 12 a day', { SMS_COUNTRIES: '*', SMS_BUDGET_HOUR: '3', SMS_BUDGET_DAY: '12' }],
]

async function main(): Promise<void> {
  console.log(`${RING} accounts pump ${HOURS} hours, ${RING * HOURS * CODES_AN_HOUR} codes asked for; prices in USD\n`)
  console.log(row(['firewall', 'sent', 'spent', 'owners in', 'newcomers', 'refused, by reason']))
  for (const [name, settings] of RUNS)
    console.log(row([name, ...(await run({ ...UNHURRIED, ...PRICES, ...settings }))]))
}

async function run(settings: Readonly<Record<string, string>>): Promise<string[]> {
  const app = await createSmsApp(settings)
  const ring = []
  for (let n = 0; n < RING; n++) ring.push(await signUp(app, `ring${n}@example.com`, `198.51.100.${n}`))
  const owners = []
  for (let n = 0; n < OWNERS; n++) owners.push(await createOwner(app, n))
  const tally = { ownersIn: 0, newcomers: 0 }
  for (let hour = 0; hour < HOURS; hour++) {
    for (let turn = 0; turn < CODES_AN_HOUR; turn++) {
      for (const [n, one] of ring.entries()) {
        await signInAgain(app, one)
        await askTo(app, one, pumpedNumber(n, hour, turn))
      }
      app.clock.turn(minutes(6))
      await app.latchkey.worker.deliverDue()
    }
    if (hour % OWNERS_COME_EVERY === 0) for (const owner of owners) tally.ownersIn += Number(await getsIn(app, owner))
    tally.newcomers += Number(await newcomerVerifies(app, hour))
    app.clock.turn(minutes(6))
  }
  const figures = await report(app.latchkey.foundation.db, before(app.clock.now(), days(1)))
  await app.latchkey.close()
  return [
    String(figures.sent),
    (figures.spent / 10_000).toFixed(2),
    `${tally.ownersIn} of ${(OWNERS * HOURS) / OWNERS_COME_EVERY}`,
    `${tally.newcomers} of ${HOURS}`,
    figures.refusals.map(({ reason, count }) => `${reason} ${count}`).join(', '),
  ]
}

/** Of twenty ranges, the first of them the owners'; every account has numbers of its own. */
function pumpedNumber(n: number, hour: number, turn: number): string {
  const range = String(n % 10).padStart(2, '0')
  const last = String(100 * n + CODES_AN_HOUR * hour + turn).padStart(4, '0')
  return n % 2 === 0 ? `+989350${range}${last}` : `+37126${range}${last}`
}

async function newcomerVerifies(app: SmsApp, hour: number): Promise<boolean> {
  const person = await signUp(app, `newcomer${hour}@example.com`, `192.0.2.${hour + 10}`)
  return verifies(app, person, `+98912${100 + hour}4567`)
}

const WIDTHS = [42, 6, 8, 10, 10]

const row = (cells: readonly string[]): string => cells.map((cell, column) => cell.padEnd(WIDTHS[column] ?? 0)).join('')

await main()
