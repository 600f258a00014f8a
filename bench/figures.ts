import type { Child } from './child.ts'
import type { Contender, Operation } from './contenders.ts'
import { type Cost, costOf, type Hashing, hashFor, median } from './measure.ts'

/** Everything seen in one run: medians of its rounds. */
export interface Figures {
  readonly costs: ReadonlyMap<Contender, ReadonlyMap<Operation, Cost>>
  readonly hashing: Hashing
  /** Sign-ins to hashes a second, taken in turns on the same cores. */
  readonly signInRatios: ReadonlyMap<Contender, number>
}

export interface Rounds {
  readonly count: number
  readonly seconds: number
  /** When no more of them begins, by `performance.now()`: on a machine that has much else to do there are fewer. */
  readonly until: number
}

/** Does the work for each round, once at least. */
async function inRounds({ count, until }: Omit<Rounds, 'seconds'>, work: () => Promise<void>): Promise<void> {
  for (let round = 0; round < count && (round === 0 || performance.now() < until); round++) await work()
}

/** Of the rate that our slowest route reaches by itself: below it nobody waits for anybody, and nobody sleeps more than others. */
const PACE = 0.8

/**
 * An operation, of everyone who knows it: as fast as each can, then in turns at one pace, that of `leader`. A process that is asked more
 * rarely sleeps and is woken more often for it, so that only processor times taken at one pace can be compared. Who is too slow for that
 * pace goes at four fifths of his own.
 */
export async function compare(
  contenders: readonly Contender[],
  leader: Contender,
  operation: Operation,
  { seconds, ...some }: Rounds,
): Promise<Map<Contender, Cost>> {
  const able = contenders.filter(({ does }) => does[operation])
  const fullSpeed = new Map<Contender, number>()
  for (const each of able) fullSpeed.set(each, (await costOf(each, operation, { seconds: seconds / 2 })).perSecond)
  const rounds = new Map<Contender, Cost[]>(able.map((each) => [each, []]))
  await inRounds(some, async () => {
    for (const each of able) {
      const perSecond = PACE * Math.min(fullSpeed.get(leader)!, fullSpeed.get(each)!)
      rounds.get(each)!.push(await costOf(each, operation, { seconds, perSecond }))
    }
  })
  return new Map(able.map((each) => [each, { ...medianOf(rounds.get(each)!), perSecond: fullSpeed.get(each)! }]))
}

interface SignIns {
  readonly costs: Map<Contender, Cost>
  readonly hashing: Hashing
  readonly ratios: Map<Contender, number>
}

/** Sign-ins as fast as each can, since hashes take all cores there are, and in each round, before and after, hashes alone. */
export async function compareSignIns(contenders: readonly Contender[], { seconds, ...some }: Rounds): Promise<SignIns> {
  const able = contenders.filter(({ does }) => does['sign-in'])
  const rounds = new Map<Contender, Cost[]>(able.map((each) => [each, []]))
  const ratios = new Map<Contender, number[]>(able.map((each) => [each, []]))
  const hashing = [await hashFor(seconds)]
  await inRounds(some, async () => {
    for (const each of able) {
      const cost = await costOf(each, 'sign-in', { seconds })
      const before = hashing.at(-1)!
      hashing.push(await hashFor(seconds / 2))
      rounds.get(each)!.push(cost)
      ratios.get(each)!.push(cost.perSecond / ((before.perSecond + hashing.at(-1)!.perSecond) / 2))
    }
  })
  return {
    costs: new Map(able.map((each) => [each, medianOf(rounds.get(each)!)])),
    hashing: {
      perSecond: median(hashing.map(({ perSecond }) => perSecond)),
      cpuMicroseconds: median(hashing.map(({ cpuMicroseconds }) => cpuMicroseconds)),
    },
    ratios: new Map(able.map((each) => [each, median(ratios.get(each)!)])),
  }
}

function medianOf(costs: readonly Cost[]): Cost {
  const of = (field: keyof Cost): number => median(costs.map((cost) => cost[field]))
  return {
    perSecond: of('perSecond'),
    cpuMicroseconds: of('cpuMicroseconds'),
    ownMicroseconds: of('ownMicroseconds'),
    p50: of('p50'),
    p99: of('p99'),
  }
}

export interface Start {
  readonly milliseconds: number
  readonly cpuMilliseconds: number
}

/** From the exec of node to ready, on data that is there, in turns. The contenders must have been stopped. */
export async function measureStarts(
  contenders: readonly Contender[],
  some: Omit<Rounds, 'seconds'>,
): Promise<Map<Contender, Start>> {
  const seen = new Map<Contender, Child['readyAfter'][]>(contenders.map((each) => [each, []]))
  await inRounds(some, async () => {
    for (const each of contenders) {
      const child = await each.restart()
      seen.get(each)!.push(child.readyAfter)
      await child.stop()
    }
  })
  return new Map(
    contenders.map((each) => [
      each,
      {
        milliseconds: median(seen.get(each)!.map(({ milliseconds }) => milliseconds)),
        cpuMilliseconds: median(seen.get(each)!.map(({ cpuMicroseconds }) => cpuMicroseconds / 1000)),
      },
    ]),
  )
}
