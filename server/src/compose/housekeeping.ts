import type { FastifyBaseLogger } from 'fastify'
import type { Database } from '../database/schema.ts'
import { removeOldPasswordTokens } from '../features/account/service.ts'
import { removeOld as removeOldFailures } from '../features/attempts/service.ts'
import { removeExpired as removeExpiredCodes } from '../features/otp/service.ts'
import { removeExpired as removeExpiredSessions } from '../features/sessions/service.ts'
import type { Clock } from '../kernel/clock.ts'
import { before, days, minutes } from '../kernel/duration.ts'

const EVERY = minutes(10)

// The longest resend cooldown is far shorter, and it counts from a code's row.
const KEEP_CODES = days(1)

/** Clears away, now and every ten minutes, what is over and only takes space. Gives back what stops it. */
export function startHousekeeping(db: Database, clock: Clock, log: FastifyBaseLogger): () => void {
  const tidy = () => {
    clearAway(db, clock.now()).catch((err: unknown) =>
      log.error({ err }, 'housekeeping failed; it will be tried again'),
    )
  }
  tidy()
  const timer = setInterval(tidy, EVERY).unref()
  return () => clearInterval(timer)
}

async function clearAway(db: Database, now: Date): Promise<void> {
  await removeExpiredSessions(db, now)
  await removeExpiredCodes(db, before(now, KEEP_CODES))
  await removeOldPasswordTokens(db, before(now, KEEP_CODES))
  await removeOldFailures(db, now)
}
