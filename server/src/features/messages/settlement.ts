import type { SendOutcome } from '../../kernel/delivery.ts'
import { after, hours, milliseconds, seconds, type Duration } from '../../kernel/duration.ts'
import type { Random } from '../../kernel/random.ts'
import { NO_ANSWER_TWICE, type Claim, type Settlement } from './outbox.ts'

const FIRST_WINDOW = seconds(2)
const LONGEST_WINDOW = hours(2)
// With these windows, about nine hours of a gateway's outage; a code's own deadline comes long before.
const MAX_ATTEMPTS = 20
const MAX_REASON_LENGTH = 300

/**
 * What an outcome means for the delivery. Only what surely was not accepted is tried again, and once what may have been
 * (see `Claim`); but not for a fault of the operator's, since a gateway asked again and again with a wrong password locks
 * the account.
 */
export function settlementOf(outcome: SendOutcome, claim: Claim, now: Date, random: Random): Settlement {
  if (outcome.kind === 'sent') {
    const { gateway, gatewayId = null } = outcome
    return gateway === undefined ? { status: 'sent', gatewayId } : { status: 'sent', gatewayId, gateway }
  }
  const reason = `${outcome.kind}: ${outcome.reason}`.slice(0, MAX_REASON_LENGTH)
  if (outcome.kind === 'retry') return triedAgain(reason, outcome.retryAfter)
  if (outcome.kind !== 'maybe_taken') return { status: 'dead', reason }
  if (claim.maybeTakenAt) return { status: 'dead', reason: `${NO_ANSWER_TWICE}; ${reason}` }
  return { ...triedAgain(reason), maybeTakenAt: now }

  function triedAgain(reason: string, asked: Duration = milliseconds(0)): Exclude<Settlement, { status: 'sent' }> {
    if (claim.attempts >= MAX_ATTEMPTS) return { status: 'dead', reason: `gave up; ${reason}` }
    const next = after(now, milliseconds(Math.max(backoff(claim.attempts, random), asked)))
    // At its deadline the delivery is given up, and its text wiped, however long the gateway asked us to wait.
    return { status: 'queued', nextAttemptAt: next < claim.deadline ? next : claim.deadline, reason }
  }
}

/** Anywhere within a window that doubles with each attempt, so that those who failed together do not return together. */
function backoff(attempts: number, random: Random): Duration {
  const window = Math.min(LONGEST_WINDOW, FIRST_WINDOW * 2 ** (attempts - 1))
  return milliseconds(random.integer(0, window))
}
