import { insertUser, NOON } from '../database.ts'
import { PASSWORD } from '../world.ts'
import type { Question, Target } from './target.ts'

/** What is asked in a round, of an address that has an account and of one that has none. */
export interface Questions {
  readonly known: Question
  readonly unknown: Question
}

/** A way to ask whether an address has an account. */
export interface Case {
  readonly name: string
  readonly settings?: Readonly<Record<string, string>>
  /** Makes the accounts for so many rounds, each with addresses of its own, and what must have gone before. */
  prepare(target: Target, rounds: number): Promise<readonly Questions[]>
}

const NEUTRAL = { REGISTRATION: 'neutral' }
const WRONG_CODE = '100000' // as likely right as any other: one in 900 000

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

/** An account for each round, all with one password, and beside it an address without. */
async function addresses({ latchkey }: Target, rounds: number): Promise<{ known: string; unknown: string }[]> {
  const { db } = latchkey.foundation
  const passwordHash = await latchkey.passwords.hash(PASSWORD)
  const proven = { emailVerifiedAt: NOON, emailFirstProvenAt: NOON }
  for (const round of numbers(rounds)) {
    await insertUser(db, `known${round}`, { ...proven, passwordHash, mailboxKey: `known${round}@example.com` })
  }
  return numbers(rounds).map((round) => ({ known: `known${round}@example.com`, unknown: `nobody${round}@example.com` }))
}

/** One question of each address, made by the same words. */
async function ofEach(
  target: Target,
  rounds: number,
  toQuestion: (email: string) => Question | Promise<Question>,
): Promise<Questions[]> {
  const questions: Questions[] = []
  for (const { known, unknown } of await addresses(target, rounds)) {
    questions.push({ known: await toQuestion(known), unknown: await toQuestion(unknown) })
  }
  return questions
}

const simple = (name: string, toQuestion: (email: string) => Question, settings = {}): Case => ({
  name,
  settings,
  prepare: (target, rounds) => ofEach(target, rounds, toQuestion),
})

export const CASES: readonly Case[] = [
  simple('sign-in with a wrong password', (email) => ({
    path: '/api/token/',
    body: { email, password: 'Wrong-Horse-7' },
  })),
  simple('asking for a new password', (email) => ({ path: '/api/password/reset/', body: { email } })),
  {
    name: 'a wrong code for a new password',
    prepare: (target, rounds) =>
      ofEach(target, rounds, async (email) => {
        await target.ask({ path: '/api/password/reset/', body: { email } })
        const body = { email, code: 'AAAA-BBBB-CCCC', new_password: 'Better-Horse-8' }
        return { path: '/api/password/reset/confirm/', body }
      }),
  },
  simple('asking for a code to sign in', (email) => ({ path: '/api/token/code/', body: { email } })),
  {
    name: 'a wrong code to sign in',
    prepare: (target, rounds) =>
      ofEach(target, rounds, async (email) => {
        const { body } = await target.ask({ path: '/api/token/code/', body: { email } })
        return { path: '/api/token/code/confirm/', body: { challenge: body.challenge, code: WRONG_CODE } }
      }),
  },
  simple('neutral registration', (email) => ({ path: '/api/users/', body: { email, password: PASSWORD } }), NEUTRAL),
  {
    name: 'a wrong code for a neutral registration',
    settings: NEUTRAL,
    prepare: (target, rounds) =>
      ofEach(target, rounds, async (email) => {
        await target.ask({ path: '/api/users/', body: { email, password: PASSWORD } })
        return { path: '/api/users/confirm/', body: { email, code: WRONG_CODE } }
      }),
  },
  {
    name: 'a neutral change of address',
    settings: NEUTRAL,
    async prepare(target, rounds) {
      const asked = await addresses(target, rounds)
      await insertUser(target.latchkey.foundation.db, 'asker', {
        passwordHash: await target.latchkey.passwords.hash(PASSWORD),
      })
      const { body } = await target.ask({
        path: '/api/token/',
        body: { email: 'asker@example.com', password: PASSWORD },
      })
      const change = (email: string): Question => ({
        method: 'PATCH',
        path: '/api/users/me/',
        body: { email },
        token: body.access,
      })
      return asked.map(({ known, unknown }) => ({ known: change(known), unknown: change(unknown) }))
    },
  },
]
