import { hash } from '@node-rs/argon2'
import { emailKey, parseEmail } from '../../server/src/kernel/address.ts'
import { days, type Duration, milliseconds } from '../../server/src/kernel/duration.ts'
import { createSmsApp, type SmsApp } from './sms-app.ts'

/**
 * What guessing passwords for a day comes to, on the real app with a clock that is turned: how many guesses got as far as a
 * comparison, and how many sign-ins of owners, who meanwhile come three times with the right password, were delayed.
 * `node bench/abuse/credential-stuffing.ts [scale]`; scale 1 is 100 000 sign-ins over 5 000 addresses against 1 000 accounts.
 * The hashes of the owners are stored with parameters that cost next to nothing: what is measured is what is let through.
 */

const scale = Number(process.argv[2] ?? 0.02)
const ATTEMPTS = Math.round(100_000 * scale)
const ADDRESSES = Math.max(4, Math.round(5_000 * scale))
const ACCOUNTS = Math.max(4, Math.round(1_000 * scale))
const PASSWORD = 'Correct-Horse-7'
const OWNERS_COME = 3

// Throttles in memory go by the machine's own clock, not by the one that is turned.
const UNHURRIED = { THROTTLE_ANON: 'off', THROTTLE_LOGIN: '1000000/min', THROTTLE_LOGIN_FAILED: '20/min' }

interface Attack {
  readonly name: string
  readonly settings: Readonly<Record<string, string>>
  readonly addresses: number
  readonly lasts: Duration
}

const ATTACKS: readonly Attack[] = [
  {
    name: 'nothing counted, a day',
    settings: { THROTTLE_ANON: 'off', THROTTLE_LOGIN: 'off' },
    addresses: ADDRESSES,
    lasts: days(1),
  },
  { name: 'default, a day', settings: UNHURRIED, addresses: ADDRESSES, lasts: days(1) },
  { name: 'default, an hour', settings: UNHURRIED, addresses: ADDRESSES, lasts: milliseconds(days(1) / 24) },
  {
    name: 'default, an hour, a hundredth of the addresses',
    settings: UNHURRIED,
    addresses: Math.ceil(ADDRESSES / 100),
    lasts: milliseconds(days(1) / 24),
  },
]

const KINDS = ['device, at an attacker’s address', 'device, somewhere new', 'network', 'stranger'] as const

interface Owner {
  readonly email: string
  readonly kind: (typeof KINDS)[number]
  readonly home: string
  readonly device: string | undefined
}

const attackerAt = (n: number): string => `198.${18 + Math.floor(n / 65_536)}.${Math.floor(n / 256) % 256}.${n % 256}`
const homeOf = (n: number): string => `10.${Math.floor(n / 250)}.${n % 250}.7`

async function main(): Promise<void> {
  console.log(`scale ${scale}: ${ATTEMPTS} sign-ins over ${ADDRESSES} addresses against ${ACCOUNTS} accounts,`)
  console.log(
    `whose owners sign in ${OWNERS_COME} times each; below, owners' sign-ins that were delayed, by what knows them\n`,
  )
  console.log(row(['attack', 'compared', 'an account', ...KINDS]))
  for (const attack of ATTACKS) console.log(row([attack.name, ...(await run(attack))]))
}

async function run({ settings, addresses, lasts }: Attack): Promise<string[]> {
  const app = await createSmsApp(settings)
  const cheap = await hash(PASSWORD, { algorithm: 2, memoryCost: 8, timeCost: 1, parallelism: 1 })
  const owners: Owner[] = []
  for (let n = 0; n < ACCOUNTS; n++) owners.push(await createOwner(app, n, cheap))
  await storeAll(app, cheap)
  const delayed = new Map<string, number>()
  let compared = 0
  for (let n = 0; n < ATTEMPTS; n++) {
    // Every address goes from account to account, and every account is tried from everywhere.
    const { email } = owners[(n + Math.floor(n / ACCOUNTS)) % ACCOUNTS]!
    const { status } = await signIn(app, { email, password: `Wrong-Horse-${n}` }, attackerAt(n % addresses))
    if (status === 401) compared += 1
    app.clock.turn(milliseconds(lasts / ATTEMPTS))
    if ((n + 1) % Math.floor(ATTEMPTS / (OWNERS_COME + 1)) !== 0 || n + 1 >= ATTEMPTS * 0.9) continue
    for (const [index, owner] of owners.entries()) {
      if (await comes(app, owner, index % addresses)) continue
      delayed.set(owner.kind, (delayed.get(owner.kind) ?? 0) + 1)
    }
    await storeAll(app, cheap)
  }
  await app.latchkey.close()
  const share = KINDS.map((kind) => {
    const visits = owners.filter((owner) => owner.kind === kind).length * OWNERS_COME
    return `${delayed.get(kind) ?? 0} of ${visits}`
  })
  return [String(compared), (compared / ACCOUNTS).toFixed(1), ...share]
}

const signIn = (app: SmsApp, body: object, from: string) => app.call('POST', '/api/token/', body, { from })

/** A user who signed in once, before the attack, from home; half of them asked for a device value. */
async function createOwner(app: SmsApp, n: number, passwordHash: string): Promise<Owner> {
  const email = parseEmail(`owner${n}@example.com`)!
  const kind = KINDS[n % KINDS.length]!
  const createdAt = app.clock.now()
  const user = { email, emailKey: emailKey(email), passwordHash, firstName: '', lastName: '', createdAt }
  await app.latchkey.foundation.db.insertInto('users').values(user).execute()
  const asks = kind.startsWith('device') ? { device: 'new' } : {}
  const { body } = await signIn(app, { email, password: PASSWORD, ...asks }, homeOf(n))
  return { email, kind, home: homeOf(n), device: (body as { device?: string }).device }
}

/** A success stores a dearer hash. */
const storeAll = (app: SmsApp, passwordHash: string) =>
  app.latchkey.foundation.db.updateTable('users').set({ passwordHash }).execute()

/** Whether the owner got in at once. */
async function comes(app: SmsApp, { email, kind, home, device }: Owner, nearest: number): Promise<boolean> {
  const at = {
    'device, at an attacker’s address': attackerAt(nearest),
    'device, somewhere new': '192.0.2.1',
    network: home.replace(/\.7$/, '.8'),
    stranger: '192.0.2.2',
  }[kind]
  const known = device === undefined ? {} : { device }
  return (await signIn(app, { email, password: PASSWORD, ...known }, at)).status === 200
}

const WIDTHS = [48, 10, 12, 34, 23, 12]

const row = (cells: readonly string[]): string => cells.map((cell, column) => cell.padEnd(WIDTHS[column] ?? 0)).join('')

await main()
