/**
 * Two servers on one PostgreSQL and one Redis, behind a proxy as a load balancer would be, asked 50 times a second while
 * `keys rotate` runs and each is stopped and started in turn. A stock verifier that reads the key set no more often than
 * it may be kept verifies every access token that is given out. The rotation is done by a clock that is behind, so that the
 * new key signs after seconds instead of ten minutes, and the verifier keeps its set for as many fewer.
 */
import { setTimeout } from 'node:timers/promises'
import { inspect } from 'node:util'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { run } from '../../src/commands/run.ts'
import { readConfig } from '../../src/config.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { before, minutes, seconds } from '../../src/kernel/duration.ts'
import { systemRandom } from '../../src/kernel/random.ts'
import { type Api, apiOf, PASSWORD } from './api.ts'
import { type Balancer, startBalancer } from './balancer.ts'
import { createHosts, type Hosts } from './hosts.ts'
import type { Report } from './report.ts'
import { type ServerProcess, startServer, UNTHROTTLED } from './server-process.ts'

const REQUESTS_A_SECOND = 50
const USERS = 20
// Ten minutes of announcement and five of keeping a key set, each made forty times shorter.
const SIGNS_AFTER = seconds(15)
const KEPT = seconds(7.5)
const STARTED_BEFORE_MILLISECONDS = 1000
const GOES_ON_MILLISECONDS = 4000

interface Seen {
  requests: number
  verified: number
  readonly keys: Set<string>
  readonly failures: string[]
  longestMilliseconds: number
}

export async function rollingRestart(): Promise<Report> {
  await using hosts = await createHosts(2, UNTHROTTLED)
  const start = (host: number) => startServer(hosts.folders[host]!, hosts.settings)
  const servers = [await start(0), await start(1)]
  await using balancer = await startBalancer(servers)
  const seen: Seen = { requests: 0, verified: 0, keys: new Set(), failures: [], longestMilliseconds: 0 }
  try {
    const load = await beginLoad(balancer, seen)
    await setTimeout(STARTED_BEFORE_MILLISECONDS)
    const rotated = performance.now()
    await rotate(hosts)
    for (const host of [0, 1]) await replace(servers, host, balancer, start)
    await setTimeout(Math.max(0, SIGNS_AFTER - (performance.now() - rotated)) + GOES_ON_MILLISECONDS)
    await load()
    if (seen.keys.size < 2) seen.failures.push('the new key never signed')
    return reportOf(seen, balancer)
  } finally {
    for (const server of servers) await server[Symbol.asyncDispose]()
  }
}

/** As told to stop by whoever deploys: it drains, ends by itself and is replaced. */
async function replace(
  servers: ServerProcess[],
  host: number,
  balancer: Balancer,
  start: (host: number) => Promise<ServerProcess>,
): Promise<void> {
  servers[host]!.kill('SIGTERM')
  const { code, signal } = await servers[host]!.exited
  if (code !== 0) throw new Error(`a server told to stop ended with ${code ?? signal}:\n${servers[host]!.output()}`)
  servers[host] = await start(host)
  balancer.replace(host, servers[host])
  await setTimeout(STARTED_BEFORE_MILLISECONDS)
}

async function rotate({ settings, folders }: Hosts): Promise<void> {
  const told: string[] = []
  const code = await run(['keys', 'rotate'], {
    settings: () => readConfig({ ...settings, DATA_DIR: folders[0] }),
    clock: { now: () => before(systemClock.now(), seconds(minutes(10) / 1000 - SIGNS_AFTER / 1000)) },
    random: systemRandom,
    threadPoolSize: 4,
    isTerminal: false,
    standardInput: () => Promise.resolve(''),
    async *standardInputBytes() {},
    askHidden: undefined,
    print: (text) => told.push(text),
    complain: (text) => told.push(text),
  })
  if (code !== 0) throw new Error(`keys rotate ended with ${code}: ${told.join('\n')}`)
}

/** Begins a request every fiftieth of a second, whether or not those before it are answered; the function given back ends it. */
async function beginLoad({ url }: Balancer, seen: Seen): Promise<() => Promise<void>> {
  const api = apiOf(url, 20_000)
  const verify = verifierOf(url)
  const clients: Client[] = []
  for (let user = 0; user < USERS; user++) clients.push(await newcomer(api, `user${user}@example.com`))
  for (const { access } of clients) await verify(access, seen)
  const running = new Set<Promise<void>>()
  let turn = 0
  const timer = setInterval(() => {
    const client = clients[turn++ % USERS]!
    if (client.isBusy) return
    client.isBusy = true
    const asking = ask(api, client, turn, seen, verify).finally(() => {
      client.isBusy = false
      running.delete(asking)
    })
    running.add(asking)
  }, 1000 / REQUESTS_A_SECOND)
  return async () => {
    clearInterval(timer)
    await Promise.all(running)
  }
}

interface Client {
  readonly email: string
  access: string
  refresh: string
  isBusy: boolean
}

async function newcomer(api: Api, email: string): Promise<Client> {
  await api('POST', '/api/users/', { body: { email, password: PASSWORD } })
  const { body } = await api('POST', '/api/token/', { body: { email, password: PASSWORD } })
  return { email, access: body.access, refresh: body.refresh, isBusy: false }
}

/** Mostly refreshes, since those give tokens; now and then one looks at himself or signs in anew. */
async function ask(api: Api, client: Client, turn: number, seen: Seen, verify: Verify): Promise<void> {
  const asked = performance.now()
  const calls = [
    () => api('GET', '/api/users/me/', { token: client.access }),
    () => api('POST', '/api/token/refresh/', { body: { refresh: client.refresh } }),
  ]
  const signIn = () => api('POST', '/api/token/', { body: { email: client.email, password: PASSWORD } })
  try {
    const { status, body } = await (turn % 41 === 0 ? signIn() : calls[Math.floor(turn / USERS) % calls.length]!())
    seen.requests += 1
    seen.longestMilliseconds = Math.max(seen.longestMilliseconds, performance.now() - asked)
    if (status !== 200) seen.failures.push(`a request was answered ${status} ${JSON.stringify(body)}`)
    if (!body.access) return
    Object.assign(client, { access: body.access, refresh: body.refresh })
    await verify(body.access, seen)
  } catch (error) {
    seen.failures.push(`a request failed: ${inspect(error)}`)
  }
}

type Verify = (access: string, seen: Seen) => Promise<void>

/** Reads the key set when it is as old as it may get, and never sooner for a key it does not know. */
function verifierOf(url: string): Verify {
  const set = new URL('/.well-known/jwks.json', url)
  const keys = createRemoteJWKSet(set, { cacheMaxAge: KEPT, cooldownDuration: minutes(10) })
  const expected = { issuer: UNTHROTTLED.JWT_ISSUER, audience: UNTHROTTLED.JWT_ISSUER, typ: 'at+jwt' }
  return async (access, seen) => {
    try {
      const { protectedHeader } = await jwtVerify(access, keys, { ...expected, algorithms: ['ES256'] })
      seen.verified += 1
      seen.keys.add(String(protectedHeader.kid))
    } catch (error) {
      seen.failures.push(`a token was not verified: ${inspect(error)}`)
    }
  }
}

function reportOf({ requests, verified, keys, failures, longestMilliseconds }: Seen, { retried }: Balancer): Report {
  const row = {
    hosts: 2,
    'a second': REQUESTS_A_SECOND,
    requests,
    'tokens verified': verified,
    'keys that signed': keys.size,
    'sent to the other host': retried(),
    'longest ms': Math.round(longestMilliseconds),
    failed: failures.length,
  }
  return { rows: [row], violations: failures }
}
