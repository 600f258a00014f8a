import type { Database } from '../../database/schema.ts'
import {
  after,
  before,
  days,
  type Duration,
  hours,
  milliseconds,
  minutes,
  seconds,
  secondsUntil,
} from '../../kernel/duration.ts'
import { keyedHash, type Secret } from '../../kernel/secret.ts'
import type { Rate } from '../../ports/limiter/port.ts'
import { addressFreeAt, countAddress, type CountedFailure, uncountAddress } from './addresses.ts'
import * as store from './store.ts'

// Mistyping is human: five tries are free. Then waits double from half a minute to an hour, so that a guesser has about
// thirty tries a day at an account while its owner is kept out for seconds.
const FREE_FAILURES = 5
const FIRST_WAIT = seconds(30)
const LONGEST_WAIT = hours(1)

/** In a row; then the password alone opens nothing from this side until an operator says so (NIST SP 800-63B-4 §3.2.2). */
const CLOSED_AT = 100

/** What a closed account answers as time to wait; no time helps, but the answer must be like any other wait's. */
const CLOSED_WAIT = LONGEST_WAIT

/** How long failures are remembered after the last one; what is closed stays so. */
const FAILURE_MEMORY = days(30)

/** Whose failures are counted: strangers' at an account, or those of a device or network that has signed in to it before. */
export type Subject = string & { readonly __brand: 'Subject' }

/** By what an account knows whoever tries to sign in to it; undefined for a stranger. */
export type KnownBy = { readonly device: string } | { readonly network: string } | undefined

/** Unknown accounts have a subject like any other; nobody can read an address out of it. */
export function subjectOf(secret: Secret, emailKey: string, known: KnownBy): Subject {
  const parts = known === undefined ? ['account', emailKey] : [...Object.keys(known), emailKey, ...Object.values(known)]
  return Buffer.from(keyedHash(secret.key('sign-in-failures'), ...parts)).toString('hex') as Subject
}

interface Wait {
  readonly kind: 'wait'
  readonly retryAfterSeconds: number
  /** Where too many failed; for the log alone. */
  readonly at: 'the account' | 'the address'
}

export type Admission = { readonly kind: 'admitted' } | Wait

export interface CountingDeps {
  readonly db: Database
  /** How many sign-ins from one address may fail; undefined, outside production alone: none are counted at all. */
  readonly failedSignIns: Rate | undefined
}

/**
 * Counts a sign-in as failed before its password is looked at, so that twenty at once are twenty; a success takes its own
 * count back. During a wait nothing is counted and nothing lengthens.
 */
export async function admit({ db, failedSignIns }: CountingDeps, subject: Subject, now: Date): Promise<Admission> {
  if (!failedSignIns) return { kind: 'admitted' }
  return db.transaction().execute((db) => admitIn(db, subject, now))
}

async function admitIn(db: Database, subject: Subject, now: Date): Promise<Admission> {
  const failures = await store.countFailure(db, subject, now, CLOSED_AT)
  if (failures === undefined) return refusalOf(await store.findFailures(db, subject), now)
  const wait = waitAfter(failures)
  if (wait > 0) await store.block(db, subject, after(now, wait))
  return { kind: 'admitted' }
}

/** Where a stranger tries from, and how many may fail there. */
export interface Whence {
  readonly ip: string | null
  readonly rate: Rate
}

export type StrangerAdmission = { readonly kind: 'admitted'; readonly counted: CountedFailure } | Wait

/**
 * As `admit`, and counts for the address as well: whoever goes from account to account is one. Where either makes wait,
 * neither is counted.
 */
export const admitStranger = (
  db: Database,
  subject: Subject,
  { ip, rate }: Whence,
  now: Date,
): Promise<StrangerAdmission> =>
  db.transaction().execute(async (db): Promise<StrangerAdmission> => {
    const counted = await countAddress(db, ip, rate, now)
    if (!counted) {
      const freeAt = await addressFreeAt(db, ip, rate, now)
      return { kind: 'wait', retryAfterSeconds: secondsUntil(now, freeAt), at: 'the address' }
    }
    const admission = await admitIn(db, subject, now)
    if (admission.kind === 'admitted') return { kind: 'admitted', counted }
    await uncountAddress(db, counted)
    return admission
  })

function refusalOf(row: store.Failures | undefined, now: Date): Wait {
  const until = row?.blockedUntil && row.blockedUntil > now ? row.blockedUntil : after(now, CLOSED_WAIT)
  return { kind: 'wait', retryAfterSeconds: secondsUntil(now, until), at: 'the account' }
}

function waitAfter(failures: number): Duration {
  if (failures < FREE_FAILURES) return minutes(0)
  return milliseconds(Math.min(FIRST_WAIT * 2 ** (failures - FREE_FAILURES), LONGEST_WAIT))
}

/** What was counted when a password was admitted to be compared. */
interface Counted {
  readonly subject: Subject
  /** For the address, where a stranger tried. */
  readonly counted?: CountedFailure | undefined
}

/**
 * Compares what was admitted. Where that throws, since too many waited or the client left its place, nothing was compared,
 * and the count is taken back: nobody is to wait for our own overload.
 */
export async function countedOnceCompared<Outcome>(
  { db, failedSignIns }: CountingDeps,
  { subject, counted }: Counted,
  compare: () => Promise<Outcome>,
): Promise<Outcome> {
  try {
    return await compare()
  } catch (error) {
    if (counted) await uncountAddress(db, counted)
    if (failedSignIns) await store.uncountFailure(db, subject)
    throw error
  }
}

/** Drops failures long past, so that strangers' names do not pile up. */
export const removeOld = (db: Database, now: Date): Promise<void> =>
  store.removeFailuresBefore(db, before(now, FAILURE_MEMORY), CLOSED_AT)

/** A success ends the row of failures of its own subject alone. */
export const forget = (db: Database, subject: Subject): Promise<void> => store.forgetFailuresOf(db, subject)
