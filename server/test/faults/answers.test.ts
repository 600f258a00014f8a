import { afterAll, expect, it, type TestContext } from 'vitest'
import { systemRandom } from '../../src/kernel/random.ts'
import { needsPostgres, stopPostgres } from '../postgres.ts'
import { needsRedis } from '../redis.ts'
import { UNLIMITED } from '../unlimited.ts'
import { createWorld, PASSWORD, type World, type WorldOptions } from '../world.ts'
import { ACCOUNT_OPERATIONS } from './account-operations.ts'
import { recording, sweep, type Transcript } from './answers.ts'
import { FACTOR_OPERATIONS } from './factor-operations.ts'
import { NEUTRAL_OPERATIONS } from './neutral-operations.ts'
import { SESSION_OPERATIONS } from './session-operations.ts'

afterAll(stopPostgres)

// `npm run faults -- answers` asks every field with every value, for minutes.
const isWhole = process.env['EVERY_ANSWER'] === 'yes'

type Place = 'SQLite' | 'PostgreSQL' | 'PostgreSQL + Redis'

async function worldOn(place: Place, t: TestContext, settings: Record<string, string>): Promise<World> {
  if (place === 'SQLite') return createWorld({ settings, compose: { inMemory: true } })
  const DATABASE_URL = await (await needsPostgres(t)).create(process.env['TEST_DATABASE_TEMPLATE'])
  const SECRET_KEY = Buffer.from(systemRandom.bytes(32)).toString('hex')
  const redis = place === 'PostgreSQL' ? {} : { REDIS_URL: (await needsRedis(t)).url }
  const options: WorldOptions = { settings: { ...settings, DATABASE_URL, SECRET_KEY, ...redis } }
  return createWorld({ ...options, compose: { inMemory: false } })
}

/** A part of all that can be asked, on one database. */
type Part = (open: (settings: Record<string, string>) => Promise<World>, transcript: Transcript) => Promise<void>

const PARTS: Readonly<Record<string, Part>> = {
  'every write': async (open, transcript) => {
    const [usual, neutral] = [await open(UNLIMITED), await open({ ...UNLIMITED, REGISTRATION: 'neutral' })]
    const operations = [...SESSION_OPERATIONS, ...FACTOR_OPERATIONS, ...ACCOUNT_OPERATIONS, ...NEUTRAL_OPERATIONS]
    for (const { name, success, prepare, settings } of operations) {
      transcript.push(`— ${name}`)
      const act = await prepare(recording(settings ? neutral : usual, transcript))
      expect((await act()).status, name).toBe(success)
      await act()
    }
  },
  'every operation asked wrongly': async (open, transcript) => {
    const world = await open({ ...UNLIMITED, OTP_RESEND_SECONDS: '0' })
    await sweep(recording(world, transcript), { isWhole })
  },
  'every limit': async (open, transcript) => {
    const world = recording(await open({}), transcript)
    const { access: token } = await world.signedInUser('limits@example.com')
    const again = async (times: number, ask: () => Promise<unknown>) => {
      for (let turn = 0; turn < times; turn++) await ask()
    }
    const body = { email: 'limits@example.com', password: 'Wrong-Horse-7' }
    await again(8, () => world.call('POST', '/api/token/', { body }))
    const login = (turn: number) => ({ email: `nobody${turn}@example.com`, password: PASSWORD })
    for (let turn = 0; turn < 15; turn++) await world.call('POST', '/api/token/', { body: login(turn) })
    await again(3, () => world.call('POST', '/api/otp/send/', { token, body: { email_or_phone: 'email' } }))
    await again(7, () => world.call('POST', '/api/otp/verify/', { token, body: { code: '099999' } }))
    await again(7, () => world.call('POST', '/api/password/reset/', { body: { email: 'limits@example.com' } }))
  },
}

/** A caller was told to wait a second more or less: the one clock stands still here, Redis has its own. */
const withoutSeconds = (line: string): string => line.replace(/("retry-after":|;t=)"?\d+"?|in \d+ seconds?/g, '$1…')

// Guards: all that is said of numbers, order, case and text by SQL. Let a path's id reach PostgreSQL as it is and 2^63 says so.
it.for(Object.entries(PARTS))(
  'SQLite, PostgreSQL and PostgreSQL with Redis answer alike: %s',
  { timeout: isWhole ? 3_600_000 : 300_000 },
  async ([, play], t) => {
    const told = async (place: Place): Promise<Transcript> => {
      const transcript: Transcript = []
      await play((settings) => worldOn(place, t, settings), transcript)
      return transcript.map(withoutSeconds)
    }
    const onSqlite = await told('SQLite')
    expect(onSqlite.filter((line) => / → 5\d\d /.test(line) && !line.includes('503'))).toEqual([])
    for (const place of ['PostgreSQL', 'PostgreSQL + Redis'] as const) {
      const there = await told(place)
      const other = there.flatMap((line, at) =>
        line === onSqlite[at] ? [] : [{ SQLite: onSqlite[at], [place]: line }],
      )
      expect(other.slice(0, 10)).toEqual([])
      expect(there).toHaveLength(onSqlite.length)
    }
    console.log(`${onSqlite.length} answers alike`)
  },
)
