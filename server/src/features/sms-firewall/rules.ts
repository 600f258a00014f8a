import { type Duration, days, hours } from '../../kernel/duration.ts'

/** What the operator decided about codes by SMS. */
export interface FirewallRules {
  readonly mode: 'enforce' | 'observe'
  /** ISO 3166. */
  readonly countries: readonly string[] | 'all'
  readonly perNumberDay: number
  readonly perRangeHour: number
  readonly perAddressHour: number
  readonly perCountryDay: number
  /** By country, `*` for all others; in ten-thousandths of the currency's unit, as the budgets. */
  readonly prices: ReadonlyMap<string, number>
  readonly budgetHour: number | undefined
  readonly budgetDay: number | undefined
}

/** Why a code is not sent, as the record and the log call it. */
export type Reason =
  | 'country_not_allowed'
  | 'number_full'
  | 'range_full'
  | 'address_full'
  | 'country_full'
  | 'low_conversion'
  | 'budget_hour'
  | 'budget_day'

/** A row of numbers that a plan hands out together, and that whoever pumps has in his hands together: ten thousand of them. */
export const prefixOf = (phone: string): string => phone.slice(0, -4)

export interface Cap {
  readonly reason: Reason
  readonly subject: 'country' | 'prefix' | 'destination' | 'network'
  readonly cap: (rules: FirewallRules) => number
  readonly period: Duration
  /**
   * The owner of a verified number who signs in is not asked, nor counted: what strangers, or the thousands behind a
   * carrier's one address, use up must not keep him out. What goes to his number has a count of its own.
   */
  readonly sparesOwners: boolean
}

export const CAPS: readonly Cap[] = [
  {
    reason: 'number_full',
    subject: 'destination',
    cap: ({ perNumberDay }) => perNumberDay,
    period: days(1),
    sparesOwners: false,
  },
  {
    reason: 'range_full',
    subject: 'prefix',
    cap: ({ perRangeHour }) => perRangeHour,
    period: hours(1),
    sparesOwners: true,
  },
  {
    reason: 'address_full',
    subject: 'network',
    cap: ({ perAddressHour }) => perAddressHour,
    period: hours(1),
    sparesOwners: true,
  },
  {
    reason: 'country_full',
    subject: 'country',
    cap: ({ perCountryDay }) => perCountryDay,
    period: days(1),
    sparesOwners: true,
  },
]

export interface Budget {
  readonly reason: 'budget_hour' | 'budget_day'
  readonly budget: (rules: FirewallRules) => number | undefined
  readonly period: Duration
}

export const BUDGETS: readonly Budget[] = [
  { reason: 'budget_hour', budget: ({ budgetHour }) => budgetHour, period: hours(1) },
  { reason: 'budget_day', budget: ({ budgetDay }) => budgetDay, period: days(1) },
]

/**
 * Of a budget strangers have four fifths. Money is the one limit from which nobody is spared, so that the bill is what the
 * operator said; with a part kept for them, verified owners still sign in when strangers have used up theirs.
 */
export const STRANGERS_SHARE = 0.8

/**
 * Of people who ask for a code most type it in; of numbers that are pumped, none does. Twenty codes are what a range may
 * have in an hour by default, so that it is judged when that hour is over; under a fifth proven, no honest range was met.
 */
export const BREAKER = {
  codes: 20,
  leastConversion: 0.2,
  /** How long a prefix is stopped; then one code is let through, and tells whether the next is. */
  pause: hours(1),
  /** Codes older than that say nothing of today. */
  memory: days(1),
} as const

/** Sooner than that a range is suspect: most honest ones have more than half proven, and eight codes tell it with little noise. */
export const WARNING = { codes: 8, leastConversion: 0.5 } as const
