/**
 * Strikes Latchkey in the ways that machines, databases and operators do, prints a table of what was seen and exits with 1
 * where something was broken. Everything it starts is on loopback and ends with it.
 *
 *     npm run faults -- kill 50 --on sqlite
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { KINDS } from './kill/installations.ts'
import { killRounds } from './kill/rounds.ts'
import { diskFull } from './disk.ts'
import { strikeRedis } from './redis.ts'
import type { Report } from './report.ts'
import { rollingRestart } from './rolling.ts'
import { migrateTogether } from './together.ts'

const options = { on: { type: 'string' }, seconds: { type: 'string', default: '30' } } as const
const { positionals, values } = parseArgs({ allowPositionals: true, options })
const [name = 'all', count = '20'] = positionals
const stoppedMilliseconds = Number(values.seconds) * 1000

async function kill(): Promise<Report> {
  const kinds = KINDS.filter((kind) => values.on === undefined || values.on === kind)
  const rows: object[] = []
  const violations: string[] = []
  for (const kind of kinds) {
    const say = (line: string): void => console.log(`${kind}: ${line}`)
    const tally = await killRounds({ kind, count: Number(count), stoppedMilliseconds, untilLeasesEnd: true, say })
    rows.push(tally.row)
    violations.push(...tally.violations.map((violation) => `${kind}: ${violation}`))
  }
  return { rows, violations }
}

/** The whole of the test, every field with every value. */
async function answers(): Promise<Report> {
  const words = ['run', '--root', 'server', 'test/faults/answers.test.ts']
  const tests = spawn('npx', ['vitest', ...words], { stdio: 'inherit', env: { ...process.env, EVERY_ANSWER: 'yes' } })
  const [code] = (await once(tests, 'exit')) as [number | null]
  const places = 'SQLite, PostgreSQL, PostgreSQL + Redis'
  return { rows: [{ compared: places, alike: code === 0 ? 'yes' : 'no' }], violations: code === 0 ? [] : ['see above'] }
}

/** What each does is told where it is written (docs/faults.md). */
const FAULTS: Readonly<Record<string, () => Promise<Report>>> = {
  kill,
  redis: strikeRedis,
  disk: diskFull,
  rolling: rollingRestart,
  answers,
  migrate: () => migrateTogether(Number(count)),
}

const chosen = name === 'all' ? Object.keys(FAULTS) : [name]
for (const name of chosen) {
  const strike = FAULTS[name]
  if (!strike) throw new Error(`There is no fault ${name}: ${Object.keys(FAULTS).join(', ')}`)
  const { rows, violations } = await strike()
  console.log(`\n${name}`)
  console.table(rows)
  for (const violation of violations) console.error(violation)
  if (violations.length > 0) process.exitCode = 1
}
