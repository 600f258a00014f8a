import { type Answer, PASSWORD } from '../api.ts'
import type { Watched } from './watch.ts'

/** What the clients of a load know: what they asked for, and which of it was acknowledged before the server died. */

/** `asked` without an answer: it may have happened or not. */
export type Progress = 'no' | 'asked' | 'done'

export type Channel = 'email' | 'phone'

export interface Person {
  readonly email: string
  registration: Progress
  deletion: Progress
  /** The password last acknowledged. */
  password: string
  /** One asked for that has no answer yet: either may be the right one. */
  nextPassword?: string
  /** One that was replaced, acknowledged: it opens nothing any more (I7). */
  formerPassword?: string
  id?: number
  /** The first name last acknowledged; undefined while a change is unanswered. */
  firstName: string | undefined
  /** Acknowledged wrong codes in a row; undefined once a right one was asked for, which may have ended the row. */
  readonly wrongCodes: Record<Channel, number | undefined>
  readonly codesSent: Record<Channel, number>
}

export interface HeldSession {
  readonly person: Person
  access: string
  /** The newest refresh token acknowledged. */
  refresh: string
  /** The one it came for. */
  previous?: string
  /** While a refresh is unanswered, `refresh` may have a successor. */
  isRefreshing: boolean
  end: Progress
}

export interface TriedCode {
  readonly session: HeldSession
  readonly code: string
  proof: Progress
}

/** A recovery code shown at the second step of a sign-in, and another of the same sheet that was never shown. */
export interface TriedRecovery {
  readonly person: Person
  readonly code: string
  readonly unused: string
  proof: Progress
}

/** A sign-in that waited for its second step and was given up. */
export interface GivenUp {
  readonly access: string
  readonly recovery: TriedRecovery
  end: Progress
}

/** A link of a mail by which a password was set. */
interface TriedReset {
  readonly person: Person
  readonly token: string
  readonly password: string
  proof: Progress
}

/** Failed sign-ins at one address, acknowledged as failed. */
export interface Guesses {
  readonly email: string
  failures: number
}

/** What happened between two starts. */
export interface Round {
  readonly persons: Person[]
  readonly sessions: HeldSession[]
  readonly codes: TriedCode[]
  readonly recoveries: TriedRecovery[]
  readonly givenUp: GivenUp[]
  readonly resets: TriedReset[]
  readonly guesses: Guesses[]
  /** How many answers were a 503 that said when to come again: no fault where the database is away, and no acknowledgement. */
  away: number
  answers: number
  longestMilliseconds: number
  watched?: Watched
  /** Answers no client should ever see. */
  readonly faults: string[]
}

export const createRound = (): Round => ({
  persons: [],
  sessions: [],
  codes: [],
  recoveries: [],
  givenUp: [],
  resets: [],
  guesses: [],
  away: 0,
  answers: 0,
  longestMilliseconds: 0,
  faults: [],
})

export function createPerson(email: string): Person {
  return {
    email,
    registration: 'no',
    deletion: 'no',
    password: PASSWORD,
    firstName: '',
    wrongCodes: { email: 0, phone: 0 },
    codesSent: { email: 0, phone: 0 },
  }
}

/** Everything since the first start that must hold to the end. */
export interface Ledger {
  readonly rounds: Round[]
  /** Every user id ever seen, and whose it was (I9). */
  readonly ids: Map<number, string>
}

/** No answer that says whether it happened: the connection broke, or the database was away. */
export class Unanswered extends Error {}

/** Whether the answer is one of these; any other is noted as a fault. */
export function expectStatus(round: Round, what: string, answer: Answer, ...allowed: number[]): boolean {
  if (allowed.includes(answer.status)) return true
  if (answer.status === 503 && answer.headers.has('retry-after')) {
    round.away += 1
    throw new Unanswered(what)
  }
  round.faults.push(`${what} answered ${answer.status} ${JSON.stringify(answer.body)}`)
  return false
}
