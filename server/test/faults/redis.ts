/**
 * Two servers on one data folder and one Redis, asked without pause by callers of their own addresses, while Redis is killed,
 * stopped with SIGSTOP, full, emptied or cut off for two seconds. Prints a table: how requests were answered, how many were
 * let through beyond their quota, and the longest anybody waited. Broken is a fault seen in an answer, a
 * caller had more than a quota for each place that counted, or where Redis did not count again afterwards. Takes a minute.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type RedisServer, startRedis } from '../redis.ts'
import type { Report } from './report.ts'
import { type ServerProcess, startServer } from './server-process.ts'

const CALLERS = 16
const QUOTA = 30
const STRUCK_AFTER = 1000
const STRUCK_FOR = 2000
const GOES_ON_FOR = 3000

interface Fault {
  readonly name: string
  readonly strike: (redis: RedisServer) => unknown
  readonly mend: (redis: RedisServer) => unknown
  /** How often a caller may have had his quota: once in each place that counted, once more where Redis forgot. */
  readonly windows: number
}

const nothing = (): void => {}

const FAULTS: readonly Fault[] = [
  { name: 'none', strike: nothing, mend: nothing, windows: 1 },
  { name: 'killed, started again', strike: (redis) => redis.kill(), mend: (redis) => redis.restart(), windows: 3 },
  {
    name: 'SIGSTOP, SIGCONT',
    strike: (redis) => redis.signal('SIGSTOP'),
    mend: (redis) => redis.signal('SIGCONT'),
    windows: 2,
  },
  { name: 'answers 400 ms late', strike: late, mend: nothing, windows: 2 },
  {
    name: 'full (OOM)',
    strike: (redis) => redis.ask('config', 'set', 'maxmemory', '1'),
    mend: (redis) => redis.ask('config', 'set', 'maxmemory', '0'),
    windows: 2,
  },
  {
    name: 'a replica (READONLY)',
    strike: (redis) => redis.ask('replicaof', '127.0.0.1', '1'),
    mend: (redis) => redis.ask('replicaof', 'no', 'one'),
    windows: 2,
  },
  { name: 'emptied (FLUSHALL)', strike: (redis) => redis.ask('flushall'), mend: nothing, windows: 2 },
  {
    name: 'connections cut',
    strike: (redis) => redis.ask('client', 'kill', 'type', 'normal'),
    mend: nothing,
    windows: 2,
  },
]

/** Again and again for two seconds, all it is asked waits. */
async function late(redis: RedisServer): Promise<void> {
  for (let pause = 0; pause < STRUCK_FOR / 500; pause++) {
    await redis.ask('client', 'pause', '400', 'all')
    await sleep(100)
  }
}

interface Tally {
  readonly statuses: Map<string, number>
  readonly admitted: number[]
  longest: number
}

/** Each caller at an address of his own, now of the one server and now of the other, until told to stop. */
function load(servers: readonly ServerProcess[], tally: Tally): () => Promise<void> {
  const life = { isOver: false }
  const call = async (caller: number): Promise<void> => {
    for (let count = 0; !life.isOver; count++) {
      const started = performance.now()
      const status = await ask(servers[count % servers.length]!.url, caller)
      tally.longest = Math.max(tally.longest, performance.now() - started)
      tally.statuses.set(status, (tally.statuses.get(status) ?? 0) + 1)
      if (status === '400') tally.admitted[caller] = (tally.admitted[caller] ?? 0) + 1
    }
  }
  const calling = Promise.all(Array.from({ length: CALLERS }, (_, caller) => call(caller)))
  return async () => {
    life.isOver = true
    await calling
  }
}

/** 400 for whoever was let through: the body is asked for after the limits. */
async function ask(url: string, caller: number): Promise<string> {
  try {
    const headers = { 'content-type': 'application/json', 'x-forwarded-for': `192.0.2.${caller + 1}` }
    const response = await fetch(`${url}/api/token/`, { method: 'POST', headers, body: '{}' })
    await response.arrayBuffer()
    return String(response.status)
  } catch {
    return 'no answer'
  }
}

const countedIn = async ({ url }: ServerProcess): Promise<string> =>
  ((await (await fetch(`${url}/readyz`)).json()) as { limits: { counted_in: string } }).limits.counted_in

async function isBack(servers: readonly ServerProcess[]): Promise<boolean> {
  for (let look = 0; look < 100; look++) {
    const places = await Promise.all(servers.map(countedIn))
    if (places.every((place) => place === 'redis')) return true
    await sleep(50)
  }
  return false
}

/** What one fault did, as a row; the violations it showed are told beside it. */
async function trial({ name, strike, mend, windows }: Fault): Promise<{ row: object; violations: string[] }> {
  const redis = await startRedis()
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-faults-'))
  const settings = {
    REDIS_URL: redis.url,
    TRUSTED_PROXIES: '127.0.0.1',
    THROTTLE_ANON: `${QUOTA}/hour`,
    THROTTLE_LOGIN: 'off',
    LOG_LEVEL: 'warn',
  }
  try {
    await using first = await startServer(folder, settings)
    await using second = await startServer(folder, settings)
    const servers = [first, second]
    const tally: Tally = { statuses: new Map(), admitted: [], longest: 0 }
    const stop = load(servers, tally)
    await sleep(STRUCK_AFTER)
    await strike(redis)
    await sleep(STRUCK_FOR)
    await mend(redis)
    await sleep(GOES_ON_FOR)
    const back = await isBack(servers)
    await stop()
    return judged(name, windows, tally, back)
  } finally {
    redis.signal('SIGCONT')
    await redis.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

function judged(name: string, windows: number, { statuses, admitted, longest }: Tally, back: boolean) {
  const most = Math.max(0, ...admitted)
  const failed = [...statuses].filter(([status]) => status !== '400' && status !== '429')
  const count = (status: string): number => statuses.get(status) ?? 0
  const violations = [
    ...failed.map(([status, times]) => `${name}: ${times} requests were answered ${status}`),
    ...(most > QUOTA * windows ? [`${name}: a caller was let through ${most} times, not ${QUOTA * windows}`] : []),
    ...(back ? [] : [`${name}: Redis did not count again`]),
  ]
  const row = {
    'Redis is': name,
    requests: [...statuses.values()].reduce((sum, times) => sum + times, 0),
    'let through': count('400'),
    throttled: count('429'),
    failed: failed.reduce((sum, [, times]) => sum + times, 0),
    'beyond quota': admitted.reduce((sum, times) => sum + Math.max(0, times - QUOTA), 0),
    'most of one': `${most} of ${QUOTA * windows}`,
    'longest ms': Math.round(longest),
    'counts again': back ? 'yes' : 'no',
  }
  return { row, violations }
}

export async function strikeRedis(): Promise<Report> {
  const rows: object[] = []
  const violations: string[] = []
  for (const fault of FAULTS) {
    const found = await trial(fault)
    rows.push(found.row)
    violations.push(...found.violations)
  }
  return { rows, violations }
}
