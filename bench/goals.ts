import type { Contender, Operation } from './contenders.ts'
import type { Figures, Start } from './figures.ts'
import { table } from './table.ts'

interface Seen {
  readonly figures: Figures
  readonly bare: Contender
  /** On SQLite, in one process. */
  readonly ours: Contender
  /** On SQLite; undefined where it is not installed. */
  readonly betterAuth: Contender | undefined
  readonly idleMegabytes: number
  readonly start: Start
}

/** What was aimed at, what was seen, and whether that is met. */
export function goals({ figures, bare, ours, betterAuth, idleMegabytes, start }: Seen): string {
  const cpu = (contender: Contender, operation: Operation): number =>
    figures.costs.get(contender)?.get(operation)?.cpuMicroseconds ?? Number.NaN
  const share = (operation: Operation, aim: number): string[] =>
    atLeast(`${operation}: CPU of bare Fastify to ours`, cpu(bare, operation) / cpu(ours, operation), aim)
  const times = (operation: Operation, name: string, aim: number): string[][] =>
    betterAuth ? [atLeast(name, cpu(betterAuth, operation) / cpu(ours, operation), aim, 1)] : []
  return table(
    ['goal', 'seen', 'aim', ''],
    [
      atLeast('sign-in: our sign-ins to raw hashes a second', figures.signInRatios.get(ours)!, 0.95),
      atLeast('sign-in: CPU of a raw hash to ours', figures.hashing.cpuMicroseconds / cpu(ours, 'sign-in'), 0.95),
      share('me', 0.42),
      share('verify', 0.55),
      share('refresh', 0.15),
      ...times('me', "session read: better-auth's CPU (from its cookie) to ours (asked of the database)", 25),
      ...times('verify', "session asked of the database: better-auth's CPU to ours", 25),
      ...times('refresh', "refresh: better-auth's CPU to ours", 10),
      atMost('memory while idle, MB', idleMegabytes, 120),
      atMost('from exec to ready, ms', start.milliseconds, 450),
    ],
  )
}

const atLeast = (name: string, seen: number, aim: number, digits = 2): string[] => [
  name,
  seen.toFixed(digits),
  `≥ ${aim}`,
  seen >= aim ? 'met' : 'not met',
]

const atMost = (name: string, seen: number, aim: number): string[] => [
  name,
  seen.toFixed(0),
  `≤ ${aim}`,
  seen <= aim ? 'met' : 'not met',
]
