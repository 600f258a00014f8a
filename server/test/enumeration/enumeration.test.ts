import { expect, it } from 'vitest'
import { createHasher } from '../../src/features/passwords/hasher.ts'
import { systemRandom } from '../../src/kernel/random.ts'
import { inTurn } from '../wire.ts'
import { CASES } from './cases.ts'
import { measure } from './measure.ts'
import { shareLonger } from './ranks.ts'

const ROUNDS = 100

// By chance a share lies further than this from a half once in a thousand million runs (a hundred times of each kind); without
// the hash that a sign-in of nobody is made to cost, it is 1.
const FURTHEST = 0.25

// Seen failing without the dummy hash in `verify` (sign-in), and without the hash of a taken address's password (registration).
it.each(CASES)(
  '$name: nobody learns by status, body or time whether the address has an account',
  async (each) => {
    const { known, unknown, answers } = await measure(each, ROUNDS)
    expect([...answers]).toHaveLength(1)
    expect(Math.abs(shareLonger(known, unknown) - 0.5)).toBeLessThan(FURTHEST)
  },
  120_000,
)

it('the comparison itself tells a hash from none', async () => {
  const hasher = createHasher(systemRandom, 1)
  const timed = async (act: () => Promise<unknown>): Promise<number> => {
    const before = performance.now()
    await act()
    return performance.now() - before
  }
  const hashed = await inTurn(20, () => timed(() => hasher.verify(undefined, 'Wrong-Horse-7')))
  const not = await inTurn(20, () => timed(async () => {}))
  expect(shareLonger(hashed, not) - 0.5).toBeGreaterThan(FURTHEST)
})
