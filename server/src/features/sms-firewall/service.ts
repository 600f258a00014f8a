import type { Database } from '../../database/schema.ts'
import { countryOf, type Phone } from '../../kernel/address.ts'
import type { Count } from '../../kernel/count.ts'
import { after, before, type Duration, secondsUntil } from '../../kernel/duration.ts'
import { keyedHash, type Secret } from '../../kernel/secret.ts'
import type { FirewallAlarm, Told } from './alarm.ts'
import { BREAKER, BUDGETS, CAPS, type FirewallRules, prefixOf, type Reason, STRANGERS_SHARE, WARNING } from './rules.ts'
import * as store from './store.ts'

export { createFirewallAlarm, type FirewallAlarm } from './alarm.ts'
export { report, type Report } from './report.ts'
export { markVerified, removeBefore } from './store.ts'

export interface FirewallDeps {
  readonly secret: Secret
  readonly rules: FirewallRules
  /** How long a code may still be proven. */
  readonly codeLifetime: Duration
  readonly alarm: FirewallAlarm
  /** Undefined where nothing is counted. */
  readonly count?: Count | undefined
}

/** A code that somebody wants sent by SMS. */
export interface Asked {
  /** The code's. */
  readonly id: string
  readonly to: Phone
  /** What the one who asks is counted by. */
  readonly network: string
  readonly purpose: string
  /** Whether it goes to one who has verified the number. */
  readonly isOwners: boolean
  /** Nothing is to be sent: counted alike, so that nobody learns of it, but no money is spent. */
  readonly isDecoy: boolean
}

export type Ruling =
  | { readonly kind: 'allowed' }
  /** No wait helps: codes are not sent to that country at all. */
  | { readonly kind: 'sms_refused' }
  | { readonly kind: 'sms_limited'; readonly retryAfterSeconds: number }

/**
 * Decides whether a code is sent, and puts the decision with its reason on record, in the caller's transaction; whoever asks
 * meanwhile waits for it, so that no limit is passed by asking at once. The statements are the same whatever is decided.
 * Where it only observes, it allows everything, and records and counts as it would have decided.
 */
export async function decide(db: Database, deps: FirewallDeps, asked: Asked, now: Date): Promise<Ruling> {
  await store.passGate(db, now)
  const { rules } = deps
  const subject = subjectOf(deps, asked)
  const hurdle = await firstHurdle(db, deps, subject, now)
  await store.insertDecision(db, {
    id: asked.id,
    at: now,
    ...subject,
    purpose: asked.purpose,
    mode: rules.mode,
    decision: hurdle ? 'refused' : 'allowed',
    reason: asked.isDecoy ? 'decoy' : (hurdle?.reason ?? null),
  })
  if (!asked.isDecoy) tell(deps, { mode: rules.mode, ...subject, purpose: asked.purpose }, hurdle?.reason, now)
  if (!hurdle || rules.mode === 'observe') return { kind: 'allowed' }
  if (!hurdle.freeAt) return { kind: 'sms_refused' }
  return { kind: 'sms_limited', retryAfterSeconds: secondsUntil(now, hurdle.freeAt) }
}

function tell(
  { alarm, count }: FirewallDeps,
  code: Told & Pick<Subject, 'price'>,
  reason: Reason | undefined,
  now: Date,
) {
  const { mode } = code
  alarm.tell(code, reason, now)
  const isSent = reason === undefined || mode === 'observe'
  count?.('sms_decision', { decision: reason ? 'refused' : 'allowed', reason: reason ?? '', mode })
  if (isSent) count?.('sms_spent', { country: code.country }, code.price)
}

/** Takes a decision back, for a code that another one was sent in place of. */
export const takeBack = (db: Database, id: string): Promise<void> => store.removeDecision(db, id)

interface Subject {
  readonly country: string
  readonly prefix: string
  readonly destination: string
  readonly network: string
  readonly isOwners: boolean
  readonly price: number
}

function subjectOf({ secret, rules }: FirewallDeps, { to, network, isOwners, isDecoy }: Asked): Subject {
  const country = countryOf(to)
  const destination = Buffer.from(keyedHash(secret.key('sms-destination'), to)).toString('hex')
  const price = isDecoy ? 0 : (rules.prices.get(country) ?? rules.prices.get('*') ?? 0)
  return { country, prefix: prefixOf(to), destination, network, isOwners, price }
}

/** What stands in the way of a code. */
interface Hurdle {
  readonly reason: Reason
  /** Undefined: for good. */
  readonly freeAt?: Date
}

/** All are asked, though the first decides: what an answer takes must not tell which it was. */
async function firstHurdle(db: Database, deps: FirewallDeps, subject: Subject, now: Date): Promise<Hurdle | undefined> {
  const { countries } = deps.rules
  const isAllowed = countries === 'all' ? isCountry(subject.country) : countries.includes(subject.country)
  const hurdles = [
    isAllowed ? undefined : { reason: 'country_not_allowed' as const },
    ...(await fullCaps(db, deps, subject, now)),
    await lowConversion(db, deps, subject, now),
    ...(await usedUpBudgets(db, deps, subject, now)),
  ]
  return hurdles.find((hurdle) => hurdle !== undefined)
}

// A satellite telephone's message costs a hundred of another's: "all countries" does not mean those.
const isCountry = (country: string): boolean => country !== 'ZZ'

async function fullCaps(
  db: Database,
  { rules }: FirewallDeps,
  subject: Subject,
  now: Date,
): Promise<(Hurdle | undefined)[]> {
  const hurdles: (Hurdle | undefined)[] = []
  for (const { reason, subject: name, cap, period, sparesOwners } of CAPS) {
    const counted = { subject: name, value: subject[name], isOwners: sparesOwners ? false : subject.isOwners }
    const last = await store.nthNewest(db, { ...counted, since: before(now, period) }, cap(rules))
    const isSpared = sparesOwners && subject.isOwners
    hurdles.push(last && !isSpared ? { reason, freeAt: after(last, period) } : undefined)
  }
  return hurdles
}

async function lowConversion(
  db: Database,
  { codeLifetime }: FirewallDeps,
  { prefix, isOwners }: Subject,
  now: Date,
): Promise<Hurdle | undefined> {
  const { codes, leastConversion, pause, memory } = BREAKER
  const since = before(now, memory)
  const settled = await store.newestTo(db, prefix, { since, settledBefore: before(now, codeLifetime) }, codes)
  const [newest] = await store.newestTo(db, prefix, { since, settledBefore: now }, 1)
  const verified = settled.filter(({ verifiedAt }) => verifiedAt !== null).length
  const isLow = settled.length === codes && verified < codes * leastConversion
  if (isOwners || !isLow || !newest) return undefined
  const freeAt = after(newest.at, pause)
  return freeAt > now ? { reason: 'low_conversion', freeAt } : undefined
}

/**
 * Whether few of the newest codes to a number's range were proven, well before the range is stopped: the moment to ask more of
 * whoever wants another one sent there. Changes nothing.
 */
export async function isPoorlyProven(
  db: Database,
  { codeLifetime }: Pick<FirewallDeps, 'codeLifetime'>,
  to: Phone,
  now: Date,
): Promise<boolean> {
  const { codes, leastConversion } = WARNING
  const since = { since: before(now, BREAKER.memory), settledBefore: before(now, codeLifetime) }
  const settled = await store.newestTo(db, prefixOf(to), since, codes)
  const verified = settled.filter(({ verifiedAt }) => verifiedAt !== null).length
  return settled.length === codes && verified < codes * leastConversion
}

async function usedUpBudgets(
  db: Database,
  { rules }: FirewallDeps,
  { price, isOwners }: Subject,
  now: Date,
): Promise<(Hurdle | undefined)[]> {
  const hurdles: (Hurdle | undefined)[] = []
  for (const { reason, budget, period } of BUDGETS) {
    const limit = budget(rules)
    if (limit === undefined) continue
    const { spent, oldestAt } = await store.spentSince(db, before(now, period))
    const share = isOwners ? limit : limit * STRANGERS_SHARE
    hurdles.push(spent + price > share ? { reason, freeAt: after(oldestAt ?? now, period) } : undefined)
  }
  return hurdles
}
