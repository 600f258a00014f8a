import type { Kind } from './installations.ts'
import type { Violations } from './invariants.ts'
import type { Ledger, Progress, Round } from './ledger.ts'

/** What was done in all rounds, as a row of a table, and what was broken. */
export interface Tally {
  readonly row: Readonly<Record<string, string | number>>
  readonly violations: Violations
}

const done = (progress: readonly Progress[]): number => progress.filter((one) => one === 'done').length

const longest = (values: readonly (number | undefined)[]): number | string => {
  const known = values.filter((value) => value !== undefined)
  return known.length === 0 ? '' : Math.round(Math.max(...known))
}

export function tallyOf(kind: Kind, { rounds }: Ledger, violations: Violations): Tally {
  const sum = (count: (round: Round) => number): number => rounds.reduce((total, round) => total + count(round), 0)
  const row = {
    on: kind,
    rounds: rounds.length,
    answers: sum(({ answers }) => answers),
    '503': sum(({ away }) => away),
    registered: sum(({ persons }) => done(persons.map(({ registration }) => registration))),
    'signed in': sum(({ sessions }) => sessions.length),
    'sessions ended': sum(({ sessions }) => done(sessions.map(({ end }) => end))),
    'passwords replaced': sum(({ persons }) => persons.filter((person) => person.formerPassword !== undefined).length),
    'codes proven': sum(({ codes, recoveries }) => done([...codes, ...recoveries].map(({ proof }) => proof))),
    deleted: sum(({ persons }) => done(persons.map(({ deletion }) => deletion))),
    'sign-ins failed': sum(({ guesses }) => guesses.reduce((total, { failures }) => total + failures, 0)),
    'longest answer ms': longest(rounds.map(({ longestMilliseconds }) => longestMilliseconds)),
    'longest /healthz ms': longest(rounds.map(({ watched }) => watched?.longestHealthMilliseconds)),
    'ready after ms': longest(rounds.map(({ watched }) => watched?.readyAfterMilliseconds)),
    broken: violations.length,
  }
  return { row, violations }
}
