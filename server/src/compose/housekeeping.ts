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
import type { Clock } from '../kernel/clock.ts'
import { before, days, type Duration, hours, minutes } from '../kernel/duration.ts'
import { removeEndedWindows } from '../ports/limiter/database.ts'

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

/** Clears away, now and every ten minutes, what is over and only takes space. Gives back what stops it. */
export function startHousekeeping(
  db: Database,
  clock: Clock,
  log: FastifyBaseLogger,
  { audit, expiry }: { readonly audit: AuditRetention; readonly expiry: Expiry },
): () => void {
  const tidy = async () => {
    const now = clock.now()
    await clearAway(db, now)
    await expireAccounts(db, expiry, now, log)
    await clearAudit(db, audit, now, log)
  }
  const tidyOrTell = () => {
    tidy().catch((err: unknown) => log.error({ err }, 'housekeeping failed; it will be tried again'))
  }
  tidyOrTell()
  const timer = setInterval(tidyOrTell, EVERY).unref()
  return () => clearInterval(timer)
}

async function clearAway(db: Database, now: Date): Promise<void> {
  await removeExpiredSessions(db, now)
  await removeExpiredPending(db, now)
  await removeExpiredCodes(db, before(now, KEEP_CODES))
  await removeOldPasswordTokens(db, before(now, KEEP_CODES))
  await removeOverChanges(db, now)
  await removeExpiredRegistrations(db, before(now, KEEP_CODES))
  await removeUsedChallenges(db, before(now, KEEP_CODES))
  await removeOldFailures(db, now)
  await removeOldAddresses(db, now)
  await removeOldNetworks(db, now)
  await removeExpiredAnswers(db, now)
  await removeUsedProofs(db, before(now, KEEP_PROOFS))
  await removeEndedWindows(db, now)
  await removeOldSmsDecisions(db, before(now, KEEP_SMS_DECISIONS))
}

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
