import { expect, it } from 'vitest'
import { killRounds } from './kill/rounds.ts'

const ROUNDS = 3

// Take AUTOINCREMENT from the users' ids, or answer a logout before its statement, and the rounds say so (I9, I2).
it('keeps whatever it acknowledged when it is killed under load and started again', async () => {
  const lines: string[] = []
  const violations = await killRounds(ROUNDS, { untilLeasesEnd: false, say: (line) => lines.push(line) })
  expect(violations, lines.join('\n')).toEqual([])
}, 120_000)
