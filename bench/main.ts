import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Contender, type Operation, OPERATIONS } from './contenders.ts'
import { curveOf } from './curve.ts'
import { compare, compareSignIns, type Figures, measureStarts } from './figures.ts'
import { goals } from './goals.ts'
import type { Cost } from './measure.ts'
import { type Field, openField } from './places.ts'
import { table } from './table.ts'

/**
 * What Latchkey costs beside what else there is, all taken in one run on loopback, everyone in turns; medians, and ratios, since machines
 * differ. `npm run bench -- quick` is one short round. Ends by itself. What is measured and how to read it: README.md beside it.
 */

const isQuick = process.argv.includes('quick')
const LONGEST_RUN_MS = isQuick ? 90_000 : 360_000
/** When no more rounds begin: each part has its share of the longest run. */
const byThen = (share: number): number => performance.now() + LONGEST_RUN_MS * share
const ROUNDS = isQuick ? { count: 1, seconds: 0.4 } : { count: 3, seconds: 0.7 }
const SIGN_IN_ROUNDS = isQuick ? { count: 1, seconds: 0.6 } : { count: 3, seconds: 1.5 }
const STARTS = isQuick ? 1 : 5
const CURVE_SECONDS = isQuick ? 1 : 2.5

const say = (line = ''): void => console.log(line)

async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-bench-'))
  say(`${availableParallelism()} cores, Node ${process.version}, ${ROUNDS.count} × ${ROUNDS.seconds} s at one pace\n`)
  const field = await openField(folder, say)
  await measureAll(field)
  await field.stop()
  await rm(folder, { recursive: true })
}

async function measureAll({ contenders, bare, ours, betterAuth }: Field): Promise<void> {
  const idle = residentMegabytes(contenders)
  const costs = new Map<Contender, Map<Operation, Cost>>(contenders.map((each) => [each, new Map()]))
  const note = (operation: Operation, seen: ReadonlyMap<Contender, Cost>): void => {
    for (const [each, cost] of seen) costs.get(each)?.set(operation, cost)
    say(operationTable(operation, seen, seen.get(bare) && bare))
  }
  for (const operation of OPERATIONS.filter((each) => each !== 'sign-in'))
    note(operation, await compare(contenders, ours, operation, { ...ROUNDS, until: byThen(0.05) }))
  const signIns = await compareSignIns(contenders, { ...SIGN_IN_ROUNDS, until: byThen(0.15) })
  note('sign-in', signIns.costs)
  const { perSecond, cpuMicroseconds } = signIns.hashing
  say(`raw Argon2id: ${perSecond.toFixed(1)}/s, ${cpuMicroseconds.toFixed(0)} µs CPU each\n`)
  const saturation = signIns.costs.get(ours)!.perSecond
  say(`\`me\` beside sign-ins, ${ours.name}\n\n${await curveOf(ours, { saturation, seconds: CURVE_SECONDS, isQuick })}`)
  const loaded = residentMegabytes(contenders)
  await Promise.all(contenders.map((each) => each.stop()))
  const starts = await measureStarts(contenders, { count: STARTS, until: byThen(0.1) })
  say(
    table(
      ['process', 'idle MB', 'after load MB', 'ready ms', 'CPU ms until ready'],
      contenders.map((each) => [
        each.name,
        ...[idle.get(each)!, loaded.get(each)!, starts.get(each)!.milliseconds, starts.get(each)!.cpuMilliseconds].map(
          (value) => value.toFixed(0),
        ),
      ]),
    ),
  )
  const figures: Figures = { costs, hashing: signIns.hashing, signInRatios: signIns.ratios }
  say(goals({ figures, bare, ours, betterAuth, idleMegabytes: idle.get(ours)!, start: starts.get(ours)! }))
}

function operationTable(operation: Operation, seen: ReadonlyMap<Contender, Cost>, bare: Contender | undefined): string {
  const least = bare && seen.get(bare)!.cpuMicroseconds
  return table(
    [operation, 'CPU µs', 'of it own', 'of bare', 'p50 ms', 'p99 ms', 'at most/s'],
    [...seen].map(([{ name }, { cpuMicroseconds, ownMicroseconds, p50, p99, perSecond }]) => [
      name,
      cpuMicroseconds.toFixed(0),
      ownMicroseconds.toFixed(0),
      least === undefined ? '' : (least / cpuMicroseconds).toFixed(2),
      p50.toFixed(2),
      p99.toFixed(2),
      perSecond.toFixed(0),
    ]),
  )
}

const residentMegabytes = (contenders: readonly Contender[]): Map<Contender, number> =>
  new Map(contenders.map((each) => [each, each.child.usage().residentBytes / 1_000_000]))

setTimeout(() => {
  console.error('The bench took too long and gave up.')
  process.exit(1)
}, LONGEST_RUN_MS).unref()

// What was started ends with the bench, however that ends.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

await main()
