import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { CONNECTIONS, type Contender, type Operation } from './contenders.ts'
import { type Measured, measure } from './load.ts'
import { usageOf } from './process-tree.ts'

/** What an operation was seen to cost. */
export interface Cost {
  readonly perSecond: number
  /** For one request, of all processes of the server, its database and its Redis. */
  readonly cpuMicroseconds: number
  /** Of these, the server's own processes. */
  readonly ownMicroseconds: number
  readonly p50: number
  readonly p99: number
}

/** Asks for so many seconds, after a while to warm up, at a pace or as fast as answers come. Throws where any is not a 200. */
export async function costOf(
  contender: Contender,
  operation: Operation,
  { seconds, perSecond }: { readonly seconds: number; readonly perSecond?: number },
): Promise<Cost> {
  const doing = contender.does[operation]
  if (!doing) throw new Error(`${contender.name} does no ${operation}`)
  const { child, next } = doing
  const load = { port: child.port, connections: CONNECTIONS, next, ...(perSecond !== undefined && { perSecond }) }
  await measure({ ...load, seconds: seconds / 4 })
  const used = (): [number, number] => [child.usage().cpuMicroseconds, usageOf(contender.helpers).cpuMicroseconds]
  const [own, helped] = used()
  const measured = await measure({ ...load, seconds }).catch((cause: unknown) => {
    throw new Error(`${contender.name}, ${operation}`, { cause })
  })
  const [ownAfter, helpedAfter] = used()
  expectOnly(200, `${contender.name}, ${operation}`, measured)
  const count = measured.latencies.length
  const ownMicroseconds = (ownAfter - own) / count
  return {
    perSecond: count / measured.seconds,
    cpuMicroseconds: ownMicroseconds + (helpedAfter - helped) / count,
    ownMicroseconds,
    p50: percentile(measured, 0.5),
    p99: percentile(measured, 0.99),
  }
}

export interface Hashing {
  readonly perSecond: number
  readonly cpuMicroseconds: number
}

/** Argon2id with nothing around it, on all cores. */
export async function hashFor(seconds: number): Promise<Hashing> {
  const child = fork(join(import.meta.dirname, 'hashing.ts'), [String(seconds)])
  const [hashing] = (await once(child, 'message')) as [Hashing]
  return hashing
}

export function expectOnly(status: number, name: string, { statuses }: Measured): void {
  if (statuses.size !== 1 || !statuses.has(status)) throw new Error(`${name} was answered ${list(statuses)}`)
}

export const list = (statuses: Iterable<readonly [number, number]>): string =>
  [...statuses].map(([status, count]) => `${count} × ${status}`).join(', ')

/** Milliseconds. */
export const percentile = ({ latencies }: Measured, part: number): number =>
  latencies[Math.floor((latencies.length - 1) * part)] ?? Number.NaN

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  return sorted.length % 2 === 1 ? sorted[Math.floor(middle)]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
