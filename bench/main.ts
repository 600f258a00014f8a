import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { startChild, type Child } from './child.ts'
import { get, measure, post, type Answer, type Measured } from './load.ts'

/**
 * What Latchkey costs, as ratios to the least it could cost, all taken in one run on loopback: its routes to a bare Fastify
 * route, a sign-in to the Argon2id hash within it; and how long cheap requests wait while sign-ins queue. Ends by itself.
 */

const PASSWORD = 'Correct-Horse-7-Battery'
const CONNECTIONS = 16
const QUEUED_SIGN_INS = 100
const SECONDS = 5
const LONGEST_RUN_MS = 180_000

const THROTTLES = ['ANON', 'USER', 'LOGIN', 'REGISTER', 'REFRESH', 'OTP_SEND', 'OTP_VERIFY', 'RESET']

setTimeout(() => {
  console.error('The bench took too long and gave up.')
  process.exit(1)
}, LONGEST_RUN_MS).unref()

const dataDir = await mkdtemp(join(tmpdir(), 'latchkey-bench-'))
const bare = await startChild('bare.ts', {}, '/')
const server = await startChild('../server/src/main.ts', settings(), '/readyz')
try {
  await run()
} finally {
  await bare.stop()
  await server.stop()
  await rm(dataDir, { recursive: true })
}

async function run(): Promise<void> {
  const people = await Promise.all(Array.from({ length: CONNECTIONS }, (_, index) => register(index)))
  const { access } = await signIn(people[0]!)
  console.log(
    `${availableParallelism()} cores, Node ${process.version}, ${CONNECTIONS} connections, ${SECONDS} s each\n`,
  )
  await compareRoutes(access)
  await compareSignIn(people)
  await cheapWhileQueued(access, people)
}

function settings(): Record<string, string> {
  const off = Object.fromEntries(THROTTLES.map((name) => [`THROTTLE_${name}`, 'off']))
  return { ...off, DATA_DIR: dataDir, LOG_LEVEL: 'fatal' }
}

async function compareRoutes(access: string): Promise<void> {
  const bareGet = await cost('bare Fastify, GET', bare, () => get('/'))
  const bareToken = { token: access }
  const barePost = await cost('bare Fastify, POST', bare, () => post('/', bareToken))
  const me = await cost('GET /api/users/me/', server, () => get('/api/users/me/', access))
  const verify = await cost('POST /api/token/verify/', server, () => post('/api/token/verify/', bareToken))
  const refresh = await refreshCost()
  printRatio('GET /api/users/me/ to bare GET', bareGet, me, 0.2)
  printRatio('POST /api/token/verify/ to bare POST', barePost, verify, 0.25)
  printRatio('POST /api/token/refresh/ to bare POST', barePost, refresh, 0.1)
}

/** Each connection has a session of its own and goes on with the token it was given, so that every request rotates. */
async function refreshCost(): Promise<Cost> {
  const sessions = await Promise.all(Array.from({ length: CONNECTIONS }, (_, index) => signIn(emailOf(index))))
  const next = (connection: number, last: Answer | undefined): Buffer => {
    const session = sessions[connection]!
    if (last) session.refresh = (JSON.parse(last.body) as Tokens).refresh
    return post('/api/token/refresh/', { refresh: session.refresh })
  }
  return await cost('POST /api/token/refresh/', server, next)
}

interface Cost {
  readonly perSecond: number
  readonly cpuMicroseconds: number
}

async function cost(name: string, child: Child, next: (connection: number, last?: Answer) => Buffer): Promise<Cost> {
  const cpuBefore = await child.cpu()
  const measured = await measure({ port: child.port, connections: CONNECTIONS, seconds: SECONDS, next })
  const cpu = (await child.cpu()) - cpuBefore
  expectOnly(200, name, measured)
  const perSecond = measured.latencies.length / measured.seconds
  const cpuMicroseconds = cpu / measured.latencies.length
  const p99 = percentile(measured, 0.99).toFixed(1)
  console.log(
    `${name.padEnd(30)} ${perSecond.toFixed(0).padStart(7)}/s ${cpuMicroseconds.toFixed(0).padStart(7)} µs CPU, p99 ${p99} ms`,
  )
  return { perSecond, cpuMicroseconds }
}

/** By processor time, since the load generator takes its share of the cores; by throughput beside it. */
function printRatio(name: string, least: Cost, ours: Cost, aim: number): void {
  const byCpu = (least.cpuMicroseconds / ours.cpuMicroseconds).toFixed(2)
  const byRate = (ours.perSecond / least.perSecond).toFixed(2)
  console.log(`ratio ${name}: ${byCpu} by CPU, ${byRate} by throughput (aim ${aim})`)
}

async function compareSignIn(people: readonly string[]): Promise<void> {
  const raw = await rawHashesPerSecond()
  console.log(`\n${'raw Argon2id'.padEnd(30)} ${raw.toFixed(1).padStart(7)}/s`)
  const signIns = await cost('POST /api/token/', server, (connection) => signInRequest(people[connection]!))
  console.log(`ratio sign-in to raw hashing: ${(signIns.perSecond / raw).toFixed(2)} (aim 0.9)`)
}

async function rawHashesPerSecond(): Promise<number> {
  const child = fork(join(import.meta.dirname, 'hashing.ts'), [String(SECONDS)])
  const [perSecond] = (await once(child, 'message')) as [number]
  return perSecond
}

/** A queue that is full refuses with 503; who is refused comes again a moment later, so the queue stays full. */
async function cheapWhileQueued(access: string, people: readonly string[]): Promise<void> {
  const flood = measure({
    port: server.port,
    connections: QUEUED_SIGN_INS,
    seconds: SECONDS,
    pauseMs: 100,
    next: (connection) => signInRequest(people[connection % people.length]!),
  })
  const cheap = await measure({
    port: server.port,
    connections: 4,
    seconds: SECONDS,
    pauseMs: 10,
    next: () => get('/api/users/me/', access),
  })
  const { statuses } = await flood
  expectOnly(200, 'cheap requests beside sign-ins', cheap)
  const [p50, p99] = [percentile(cheap, 0.5), percentile(cheap, 0.99)]
  console.log(
    `\nGET /api/users/me/ while ${QUEUED_SIGN_INS} sign-ins queue: p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`,
  )
  console.log(`the sign-ins meanwhile: ${[...statuses].map(([status, count]) => `${count} × ${status}`).join(', ')}`)
}

interface Tokens {
  access: string
  refresh: string
}

const emailOf = (index: number): string => `bench${index}@example.com`

async function register(index: number): Promise<string> {
  await send('/api/users/', { email: emailOf(index), password: PASSWORD })
  return emailOf(index)
}

const signIn = async (email: string): Promise<Tokens> =>
  (await send('/api/token/', { email, password: PASSWORD })) as Tokens

const signInRequest = (email: string): Buffer => post('/api/token/', { email, password: PASSWORD })

async function send(path: string, body: unknown): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`)
  return await response.json()
}

function expectOnly(status: number, name: string, { statuses }: Measured): void {
  const others = [...statuses].filter(([other]) => other !== status)
  if (others.length > 0) throw new Error(`${name}: ${others.map(([other, count]) => `${count} × ${other}`).join(', ')}`)
}

const percentile = ({ latencies }: Measured, part: number): number =>
  latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * part))] ?? Number.NaN
