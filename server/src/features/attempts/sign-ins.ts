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

/** Whose failures are counted: strangers' at an account, or one device's that has signed in to it before. */
export type Subject = string & { readonly __brand: 'Subject' }

/** Unknown accounts have a subject like any other; nobody can read an address out of it. */
export function subjectOf(secret: Secret, emailKey: string, deviceId: string | undefined): Subject {
  const parts = deviceId === undefined ? ['account', emailKey] : ['device', emailKey, deviceId]
  return Buffer.from(keyedHash(secret.key('sign-in-failures'), ...parts)).toString('hex') as Subject
}

export type Admission = { readonly kind: 'admitted' } | { readonly kind: 'wait'; readonly retryAfterSeconds: number }

export interface CountingDeps {
  readonly db: Database
  /** Whether failed sign-ins are counted; off only outside production. */
  readonly countFailures: boolean
}

/**
 * Counts a sign-in as failed before its password is looked at, so that twenty at once are twenty; a success takes its own
 * count back. During a wait nothing is counted and nothing lengthens.
 */
export async function admit({ db, countFailures }: CountingDeps, subject: Subject, now: Date): Promise<Admission> {
  if (!countFailures) return { kind: 'admitted' }
  return db.transaction().execute(async (db): Promise<Admission> => {
    const failures = await store.countFailure(db, subject, now, CLOSED_AT)
    if (failures === undefined) return refusalOf(await store.findFailures(db, subject), now)
    const wait = waitAfter(failures)
    if (wait > 0) await store.block(db, subject, after(now, wait))
    return { kind: 'admitted' }
  })
}

function refusalOf(row: store.Failures | undefined, now: Date): Admission {
  const until = row?.blockedUntil && row.blockedUntil > now ? row.blockedUntil : after(now, CLOSED_WAIT)
  return { kind: 'wait', retryAfterSeconds: secondsUntil(now, until) }
}

function waitAfter(failures: number): Duration {
  if (failures < FREE_FAILURES) return minutes(0)
  return milliseconds(Math.min(FIRST_WAIT * 2 ** (failures - FREE_FAILURES), LONGEST_WAIT))
}

/**
 * Compares what `admit` let in. Where that throws, since too many waited or the client left its place, nothing was compared,
 * and the count is taken back: nobody is to wait for our own overload.
 */
export async function countedOnceCompared<Outcome>(
  { db, countFailures }: CountingDeps,
  subject: Subject,
  compare: () => Promise<Outcome>,
): Promise<Outcome> {
  try {
    return await compare()
  } catch (error) {
    if (countFailures) await store.uncountFailure(db, subject)
    throw error
  }
}

/** Drops failures long past, so that strangers' names do not pile up. */
export const removeOld = (db: Database, now: Date): Promise<void> =>
  store.removeFailuresBefore(db, before(now, FAILURE_MEMORY), CLOSED_AT)

/** A success ends the row of failures of its own subject alone. */
export const forget = (db: Database, subject: Subject): Promise<number> => store.forgetFailures(db, [subject])
