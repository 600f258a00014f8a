import { afterAll, expect, it } from 'vitest'
import { needsPostgres, stopPostgres } from '../postgres.ts'
import { needsRedis } from '../redis.ts'
import { KINDS } from './kill/installations.ts'
import { killRounds } from './kill/rounds.ts'

afterAll(stopPostgres)

// Minutes of them: npm run faults -- kill 200.
const ROUNDS = 2

// Take AUTOINCREMENT from the users' ids, or answer a logout before its statement, and the rounds say so (I9, I2).
it.for(KINDS)(
  'keeps whatever it acknowledged when it is struck under load and comes back: %s',
  { timeout: 300_000 },
  async (kind, t) => {
    if (kind.startsWith('postgres')) await Promise.all([needsPostgres(t), needsRedis(t)])
    const lines: string[] = []
    const say = (line: string) => void lines.push(line)
    const { violations } = await killRounds({
      kind,
      count: ROUNDS,
      stoppedMilliseconds: 1000,
      untilLeasesEnd: false,
      say,
    })
    expect(violations, lines.join('\n')).toEqual([])
  },
)
