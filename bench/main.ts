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
const SECONDS = 5
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
  const bareGet = await cost('bare Fastify, GET', bare, () => get('/', access))
  const me = await cost('GET /api/users/me/', server, () => get('/api/users/me/', access))
  const barePost = await cost('bare Fastify, POST', bare, () => post('/', body))
  const verify = await cost('POST /api/token/verify/', server, () => post('/api/token/verify/', body))
  const refresh = await cost('POST /api/token/refresh/', server, (connection, last) =>
    rotate(sessions[connection]!, last),
  )
  printRatio('GET /api/users/me/ to bare GET', bareGet, me, 0.2)
  printRatio('POST /api/token/verify/ to bare POST', barePost, verify, 0.25)
  printRatio('POST /api/token/refresh/ to bare POST', barePost, refresh, 0.1)
}

/** Each connection has a session of its own and goes on with the token it was given, so that every request rotates. */
function rotate(session: Tokens, last: Answer | undefined): Buffer {
  if (last) session.refresh = (JSON.parse(last.body) as Tokens).refresh
  return post('/api/token/refresh/', { refresh: session.refresh })
}

interface Cost {
  readonly perSecond: number
  readonly cpuMicroseconds: number
}

async function cost(name: string, child: Child, next: (connection: number, last?: Answer) => Buffer): Promise<Cost> {
  const load = { port: child.port, connections: CONNECTIONS, next }
  await measure({ ...load, seconds: WARM_UP_SECONDS })
  const cpuBefore = await child.cpu()
  const measured = await measure({ ...load, seconds: SECONDS })
  const cpu = (await child.cpu()) - cpuBefore
  expectOnly(200, name, measured)
  const perSecond = measured.latencies.length / measured.seconds
  const cpuMicroseconds = cpu / measured.latencies.length
  print(name, perSecond, `${cpuMicroseconds.toFixed(0).padStart(6)} µs CPU, p99 ${inMs(measured, 0.99)}`)
  return { perSecond, cpuMicroseconds }
}

/** By processor time first, since the load generator takes its share of the cores. */
function printRatio(name: string, least: Cost, ours: Cost, aim: number): void {
  const byCpu = (least.cpuMicroseconds / ours.cpuMicroseconds).toFixed(2)
  const byRate = (ours.perSecond / least.perSecond).toFixed(2)
  console.log(`ratio ${name}: ${byCpu} by CPU, ${byRate} by throughput (aim ${aim})`)
}

async function compareSignIn(server: Child, emails: readonly string[]): Promise<void> {
  const raw = await rawHashesPerSecond()
  print('\nraw Argon2id', raw, '')
  const signIns = await cost('POST /api/token/', server, (connection) => signInRequest(emails[connection]!))
  console.log(`ratio sign-in to raw hashing: ${(signIns.perSecond / raw).toFixed(2)} (aim 0.9)`)
}

async function rawHashesPerSecond(): Promise<number> {
  const child = fork(join(import.meta.dirname, 'hashing.ts'), [String(SECONDS)])
  const [perSecond] = (await once(child, 'message')) as [number]
  return perSecond
}

/** A queue that is full refuses with 503; who is refused comes again a moment later, so the queue stays full. */
async function cheapWhileQueued(server: Child, access: string, emails: readonly string[]): Promise<void> {
  const everySo = { port: server.port, seconds: SECONDS }
  const flood = measure({
    ...everySo,
    connections: QUEUED_SIGN_INS,
    pauseMs: 100,
    next: (connection) => signInRequest(emails[connection % emails.length]!),
  })
  const cheap = await measure({ ...everySo, connections: 4, pauseMs: 10, next: () => get('/api/users/me/', access) })
  const { statuses } = await flood
  expectOnly(200, 'GET /api/users/me/ beside sign-ins', cheap)
  const [p50, p99] = [inMs(cheap, 0.5), inMs(cheap, 0.99)]
  console.log(`\nGET /api/users/me/ while ${QUEUED_SIGN_INS} sign-ins queue: p50 ${p50}, p99 ${p99}`)
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
