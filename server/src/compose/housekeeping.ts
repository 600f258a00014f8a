import type { FastifyBaseLogger } from 'fastify'
import type { Database } from '../database/schema.ts'
import {
  expireUnverified,
  removeExpiredRegistrations,
  removeOldPasswordTokens,
  removeOverChanges,
} from '../features/account/service.ts'
import { removeOld as removeOldFailures, removeOldAddresses, removeOldNetworks } from '../features/attempts/service.ts'
import { type Audit, removeOld as removeOldEvents, type RetentionDeps } from '../features/audit/service.ts'
import { removeExpiredAnswers } from '../features/idempotency/service.ts'
import { removeExpired as removeExpiredCodes } from '../features/otp/service.ts'
import { removeUsedChallenges } from '../features/passkeys/service.ts'
import { removeUsedProofs } from '../features/proof-of-work/service.ts'
import { removeExpired as removeExpiredSessions, removeExpiredPending } from '../features/sessions/service.ts'
import { removeBefore as removeOldSmsDecisions } from '../features/sms-firewall/service.ts'
import { foldCounts } from '../features/users/service.ts'
import { before, days, type Duration, hours, minutes } from '../kernel/duration.ts'
import { removeEndedWindows } from '../ports/limiter/database.ts'
import type { TimedJob } from './timed-job.ts'

const EVERY = minutes(10)

// The longest resend cooldown is far shorter, and it counts from a code's row.
const KEEP_CODES = days(1)

// A month's bill can be explained; the limits look back a day.
const KEEP_SMS_DECISIONS = days(35)

// They ended minutes ago, but a clock set back would make them good again.
const KEEP_PROOFS = hours(1)

export interface AuditRetention extends RetentionDeps {
  /** How long events are kept; undefined: for ever. */
  readonly keep: Duration | undefined
}

/** Accounts that never verified anything, where those end. */
export interface Expiry {
  readonly audit: Audit
  /** Undefined: never. */
  readonly after: Duration | undefined
}

interface HousekeepingDeps {
  readonly db: Database
  readonly log: FastifyBaseLogger
  readonly audit: AuditRetention
  readonly expiry: Expiry
}

/** Clears away, at start and every ten minutes, what is over and only takes space. */
export const housekeeping = ({ db, log, audit, expiry }: HousekeepingDeps): TimedJob => ({
  name: 'housekeeping',
  every: EVERY,
  async work(now, isStopping) {
    const steps = [
      ...CLEARING,
      () => expireAccounts(db, expiry, now, log),
      () => clearAudit(db, audit, now, log),
    ] satisfies Clearing[]
    for (const step of steps) {
      if (isStopping()) return
      await step(db, now)
    }
  },
})

type Clearing = (db: Database, now: Date) => Promise<unknown>

const CLEARING: readonly Clearing[] = [
  foldCounts,
  removeExpiredSessions,
  removeExpiredPending,
  (db, now) => removeExpiredCodes(db, before(now, KEEP_CODES)),
  (db, now) => removeOldPasswordTokens(db, before(now, KEEP_CODES)),
  removeOverChanges,
  (db, now) => removeExpiredRegistrations(db, before(now, KEEP_CODES)),
  (db, now) => removeUsedChallenges(db, before(now, KEEP_CODES)),
  removeOldFailures,
  removeOldAddresses,
  removeOldNetworks,
  removeExpiredAnswers,
  (db, now) => removeUsedProofs(db, before(now, KEEP_PROOFS)),
  removeEndedWindows,
  (db, now) => removeOldSmsDecisions(db, before(now, KEEP_SMS_DECISIONS)),
]

async function expireAccounts(
  db: Database,
  { audit, after }: Expiry,
  now: Date,
  log: FastifyBaseLogger,
): Promise<void> {
  if (after === undefined) return
  const expired = await expireUnverified({ db, audit }, after, now)
  if (expired > 0) log.info({ expired }, 'accounts that never verified anything were deleted')
}

async function clearAudit(db: Database, audit: AuditRetention, now: Date, log: FastifyBaseLogger): Promise<void> {
  if (audit.keep === undefined) return
  const { brokenAt } = await removeOldEvents(db, audit, before(now, audit.keep), now)
  if (brokenAt !== undefined)
    log.error(
      { number: brokenAt },
      'the audit is not what was sealed, so nothing from here on is removed: run `latchkey audit verify`',
    )
}
