import type { Logger } from 'pino'
import { after, minutes } from '../../kernel/duration.ts'
import type { FirewallRules, Reason } from './rules.ts'

const LOUD_EVERY = minutes(1)
const BUDGETS: readonly Reason[] = ['budget_hour', 'budget_day']

/** What keeps codes back that only the operator can pay for. */
export interface UsedUp {
  readonly budget: 'hour' | 'day'
  readonly at: Date
}

/** A code that was decided on, as far as the log may say. */
export interface Told {
  readonly mode: FirewallRules['mode']
  readonly country: string
  /** The number without its last four digits. */
  readonly prefix: string
  readonly purpose: string
}

/** Tells the operator what is refused: a line each; of a budget used up aloud, and for as long as it lasts. */
export interface FirewallAlarm {
  tell(code: Told, reason: Reason | undefined, now: Date): void
  /** The budget that last kept a code back in this process; undefined once a code was allowed since. */
  usedUp(): UsedUp | undefined
}

export function createFirewallAlarm(log: Pick<Logger, 'warn' | 'error'>): FirewallAlarm {
  let usedUp: UsedUp | undefined
  let quietUntil: Date | undefined
  return {
    tell({ mode, country, prefix, purpose }, reason, now) {
      if (reason === undefined) {
        usedUp = undefined
        return
      }
      const refused = mode === 'enforce' ? 'refused' : 'would have refused'
      log.warn({ mode, reason, country, prefix, purpose }, `the SMS firewall ${refused} a code`)
      if (mode === 'observe' || !BUDGETS.includes(reason)) return
      usedUp = { budget: reason === 'budget_hour' ? 'hour' : 'day', at: now }
      if (quietUntil && now < quietUntil) return
      quietUntil = after(now, LOUD_EVERY)
      log.error(
        usedUp,
        'the budget for SMS is used up: codes by SMS are held back until the operator raises it or time passes',
      )
    },
    usedUp: () => usedUp,
  }
}
