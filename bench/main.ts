import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { startChild, type Child } from './child.ts'
import { get, measure, post, type Answer, type Measured } from './load.ts'
import { registerPeople, signInAll, signInRequest, type Tokens } from './people.ts'

/**
 * What Latchkey costs, as ratios to the least it could cost, all taken in one run on loopback: its routes to a bare Fastify
 * route, a sign-in to the Argon2id hash within it; and how long cheap requests wait while sign-ins queue. Ends by itself.
 */

const CONNECTIONS = 16
const QUEUED_SIGN_INS = 100
const WARM_UP_SECONDS = 1
const SECONDS = 3
const LONGEST_RUN_MS = 180_000

const THROTTLES = ['ANON', 'USER', 'LOGIN', 'REGISTER', 'REFRESH', 'OTP_SEND', 'OTP_VERIFY', 'RESET']

async function main(): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'latchkey-bench-'))
  const off = Object.fromEntries(THROTTLES.map((name) => [`THROTTLE_${name}`, 'off']))
  const bare = await startChild('bare.ts', {}, '/')
  const server = await startChild('../server/src/main.ts', { ...off, DATA_DIR: dataDir, LOG_LEVEL: 'fatal' }, '/readyz')
  // One of them signs in once only: past 50 sessions the others' oldest ones end.
  const [witness, ...emails] = await registerPeople(server, CONNECTIONS + 1)
  const [{ access }] = (await signInAll(server, [witness!])) as [Tokens]
  const sessions = await signInAll(server, emails)
  console.log(
    `${availableParallelism()} cores, Node ${process.version}, ${CONNECTIONS} connections, ${SECONDS} s each\n`,
  )
  await compareRoutes(bare, server, access, sessions)
  await compareSignIn(server, emails)
  await cheapWhileQueued(server, access, emails)
  await Promise.all([bare.stop(), server.stop()])
  await rm(dataDir, { recursive: true })
}

async function compareRoutes(bare: Child, server: Child, access: string, sessions: Tokens[]): Promise<void> {
  const body = { token: access }
  const bareGet: Route = { name: 'bare Fastify, GET', child: bare, next: () => get('/', access) }
  const barePost: Route = { name: 'bare Fastify, POST', child: bare, next: () => post('/', body) }
  const me: Route = { name: 'GET /api/users/me/', child: server, next: () => get('/api/users/me/', access) }
  const verify: Route = { name: 'POST /api/token/verify/', child: server, next: () => post('/api/token/verify/', body) }
  const refresh: Route = {
    name: 'POST /api/token/refresh/',
    child: server,
    next: (connection, last) => rotate(sessions[connection]!, last),
  }
  await compare(bareGet, me, 0.2)
  await compare(barePost, verify, 0.25)
  await compare(barePost, refresh, 0.1)
}

/** Each connection has a session of its own and goes on with the token it was given, so that every request rotates. */
function rotate(session: Tokens, last: Answer | undefined): Buffer {
  if (last) session.refresh = (JSON.parse(last.body) as Tokens).refresh
  return post('/api/token/refresh/', { refresh: session.refresh })
}

interface Route {
  readonly name: string
  readonly child: Child
  readonly next: (connection: number, last?: Answer) => Buffer
}

/**
 * First as fast as each can, then both at the same pace, four fifths of what ours can do: a process that is asked more rarely
 * sleeps and is woken more often for it, so that only processor times taken at one pace can be compared.
 */
async function compare(least: Route, ours: Route, aim: number): Promise<void> {
  const leastAtFull = await cost(least)
  const oursAtFull = await cost(ours)
  const pace = Math.round(oursAtFull.perSecond * 0.8)
  const leastPaced = await cost(least, pace)
  const oursPaced = await cost(ours, pace)
  const byCpu = (leastPaced.cpuMicroseconds / oursPaced.cpuMicroseconds).toFixed(2)
  const byCpuAtFull = (leastAtFull.cpuMicroseconds / oursAtFull.cpuMicroseconds).toFixed(2)
  const byRate = (oursAtFull.perSecond / leastAtFull.perSecond).toFixed(2)
  console.log(
    `ratio of CPU at one pace: ${byCpu} (aim ${aim}); at full speed: ${byCpuAtFull}, of throughput: ${byRate}\n`,
  )
}

interface Cost {
  readonly perSecond: number
  readonly cpuMicroseconds: number
}

async function cost({ name, child, next }: Route, perSecond?: number): Promise<Cost> {
  const load = { port: child.port, connections: CONNECTIONS, next, ...(perSecond !== undefined && { perSecond }) }
  await measure({ ...load, seconds: WARM_UP_SECONDS })
  const cpuBefore = await child.cpu()
  const measured = await measure({ ...load, seconds: SECONDS })
  const cpu = (await child.cpu()) - cpuBefore
  expectOnly(200, name, measured)
  const done = {
    perSecond: measured.latencies.length / measured.seconds,
    cpuMicroseconds: cpu / measured.latencies.length,
  }
  print(name, done.perSecond, `${done.cpuMicroseconds.toFixed(0).padStart(6)} µs CPU, p99 ${inMs(measured, 0.99)}`)
  return done
}

async function compareSignIn(server: Child, emails: readonly string[]): Promise<void> {
  const before = await rawHashesPerSecond()
  const next = (connection: number): Buffer => signInRequest(emails[connection]!)
  const signIns = await cost({ name: 'POST /api/token/', child: server, next })
  // Before and after, so that what else the machine does weighs on both alike.
  const raw = (before + (await rawHashesPerSecond())) / 2
  print('raw Argon2id', raw, '')
  console.log(`ratio of throughput: ${(signIns.perSecond / raw).toFixed(2)} (aim 0.9)\n`)
}

async function rawHashesPerSecond(): Promise<number> {
  const child = fork(join(import.meta.dirname, 'hashing.ts'), [String(SECONDS)])
  const [perSecond] = (await once(child, 'message')) as [number]
  return perSecond
}

/** A queue that is full refuses with 503; who is refused comes again, so the queue stays full. */
async function cheapWhileQueued(server: Child, access: string, emails: readonly string[]): Promise<void> {
  const everySo = { port: server.port, seconds: SECONDS }
  const flood = measure({
    ...everySo,
    connections: QUEUED_SIGN_INS,
    perSecond: 500,
    next: (connection) => signInRequest(emails[connection % emails.length]!),
  })
  const cheap = await measure({ ...everySo, connections: 4, perSecond: 200, next: () => get('/api/users/me/', access) })
  const { statuses } = await flood
  expectOnly(200, 'GET /api/users/me/ beside sign-ins', cheap)
  const [p50, p99] = [inMs(cheap, 0.5), inMs(cheap, 0.99)]
  console.log(`GET /api/users/me/ while ${QUEUED_SIGN_INS} sign-ins queue: p50 ${p50}, p99 ${p99}`)
  console.log(`the sign-ins meanwhile: ${list(statuses)}`)
}

const print = (name: string, perSecond: number, rest: string): void =>
  console.log(`${name.padEnd(26)} ${perSecond.toFixed(0).padStart(6)}/s ${rest}`)

const list = (statuses: Iterable<readonly [number, number]>): string =>
  [...statuses].map(([status, count]) => `${count} × ${status}`).join(', ')

function expectOnly(status: number, name: string, { statuses }: Measured): void {
  if (statuses.size !== 1 || !statuses.has(status)) throw new Error(`${name} was answered ${list(statuses)}`)
}

const inMs = ({ latencies }: Measured, part: number): string =>
  `${(latencies[Math.floor((latencies.length - 1) * part)] ?? Number.NaN).toFixed(1)} ms`

setTimeout(() => {
  console.error('The bench took too long and gave up.')
  process.exit(1)
}, LONGEST_RUN_MS).unref()

await main()
