import { expect, it } from 'vitest'
import { killRounds } from './kill/rounds.ts'

const ROUNDS = 3

// Answer before the commit, or leave `synchronous = full` and the single statements of `store.ts` out, and rounds break.
it('keeps whatever it acknowledged when it is killed under load and started again', async () => {
  const lines: string[] = []
  const violations = await killRounds(ROUNDS, { untilLeasesEnd: false, say: (line) => lines.push(line) })
  expect(violations, lines.join('\n')).toEqual([])
}, 120_000)
