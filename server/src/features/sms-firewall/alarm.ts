import type { Logger } from 'pino'
import { after, minutes } from '../../kernel/duration.ts'
import type { Reason } from './rules.ts'

const LOUD_EVERY = minutes(1)
const BUDGETS: readonly (Reason | undefined)[] = ['budget_hour', 'budget_day']

/** What keeps codes back that only the operator can pay for. */
export interface UsedUp {
  readonly budget: 'hour' | 'day'
  readonly at: Date
}

/** Tells the operator what is refused: a line each; of a budget used up aloud, and for as long as it lasts. */
export interface BudgetAlarm {
  tell(reason: Reason | undefined, now: Date): void
  /** The budget that last kept a code back in this process; undefined once a code was allowed since. */
  usedUp(): UsedUp | undefined
}

export function createBudgetAlarm(log: Pick<Logger, 'warn' | 'error'>): BudgetAlarm {
  let usedUp: UsedUp | undefined
  let quietUntil: Date | undefined
  return {
    tell(reason, now) {
      if (reason === undefined) usedUp = undefined
      else log.warn({ reason }, 'the SMS firewall refused a code')
      if (!BUDGETS.includes(reason)) return
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
