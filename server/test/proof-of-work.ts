import { readFileSync } from 'node:fs'
import type { Answer } from './world.ts'

const PAGE = readFileSync(new URL('../../docs/proof-of-work.md', import.meta.url), 'utf8')

/** The solver as the docs have it. */
export const SOLVER = /```js\n([^]*?)```/.exec(PAGE)![1]!

// The page's own text is what is to be tried.
// oxlint-disable-next-line typescript/no-implied-eval
const solve = new Function(`${SOLVER}\nreturn solve`)() as (challenge: string, difficulty: number) => string

/** The header that answers a challenge. */
export const proofFor = ({ body }: Answer): Readonly<Record<string, string>> => ({
  'proof-of-work': solve(body.challenge, body.difficulty),
})
