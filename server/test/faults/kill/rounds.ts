import { setTimeout } from 'node:timers/promises'
import { systemClock } from '../../../src/kernel/clock.ts'
import { type Random, systemRandom } from '../../../src/kernel/random.ts'
import { type KavenegarLookalike, startKavenegar } from '../../lookalikes/kavenegar.ts'
import { type SmtpLookalike, startSmtp } from '../../lookalikes/smtp.ts'
import { type Api, apiOf } from '../api.ts'
import { type ServerProcess, UNTHROTTLED } from '../server-process.ts'
import { type Installation, install, type Strike } from './installations.ts'
import { findViolations, type Violations } from './invariants.ts'
import { createPerson, createRound, type HeldSession, type Ledger, type Round, Unanswered } from './ledger.ts'
import { type LoadDeps, register, runLoad, signIn } from './load.ts'
import { settleMessages, unsentCodes, unsentMessages } from './outbox.ts'
import { watch } from './watch.ts'
import { tallyOf, type Tally } from './tally.ts'

// Counted in answers and not in time, so that a slow machine gets as far; from the first registrations to many whole lives.
const SHORTEST_LOAD_ANSWERS = 10
const LONGEST_LOAD_ANSWERS = 400
// Between two answers too, wherever the server then is.
const LAST_PAUSE_MILLISECONDS = 20
// What goes on after the database is there again.
const ANSWERS_AFTERWARDS = 60
// Every so many rounds a start is broken off too, the very first one among them.
const BROKEN_START_EVERY = 4
// A message in a dead worker's hand is taken up by the next once its lease of a minute has run out.
const LEASE_SECONDS = 62
/** Longer than anything may take that waits for the database. */
const ANSWER_MILLISECONDS = 30_000

interface Scene {
  readonly installation: Installation
  readonly smtp: SmtpLookalike
  readonly kavenegar: KavenegarLookalike
  readonly random: Random
  readonly ledger: Ledger
  readonly newName: () => string
}

interface Rounds extends Strike {
  readonly count: number
  /** Waits, at the end, until every message is settled. */
  readonly untilLeasesEnd: boolean
  readonly say: (line: string) => void
}

/**
 * Strikes an installation under the load of 16 clients at a random moment, brings it back on the same data and asks whether
 * what was acknowledged holds, so many times. Gives back what was done in all and what was broken, nothing when all is well.
 */
export async function killRounds({ count, untilLeasesEnd, say, ...strike }: Rounds): Promise<Tally> {
  await using smtp = await startSmtp({ security: 'none' })
  await using kavenegar = await startKavenegar({ credit: Number.MAX_SAFE_INTEGER })
  await using installation = await install(strike, settingsOf(smtp, kavenegar), systemRandom)
  let names = 0
  const ledger: Ledger = { rounds: [], ids: new Map() }
  const scene = { installation, smtp, kavenegar, random: systemRandom, ledger, newName: () => `name${++names}` }
  const violations: Violations = []
  await installation.breakOffStart()
  let servers = await installation.start()
  try {
    for (let number = 1; number <= count; number++) {
      const played = await playRound(scene, servers, number, say)
      servers = played.servers
      violations.push(...played.violations.map((violation) => `round ${number}: ${violation}`))
    }
    const records = await installation.records()
    violations.push(...(await settleMessages(records, untilLeasesEnd ? LEASE_SECONDS : 0, say)))
    await records.close()
  } finally {
    for (const server of servers) await server[Symbol.asyncDispose]()
  }
  return tallyOf(strike.kind, ledger, violations)
}

const settingsOf = (smtp: SmtpLookalike, kavenegar: KavenegarLookalike): Record<string, string> => ({
  ...UNTHROTTLED,
  THROTTLE_RESET: 'off',
  // The longest there is: a lost answer is asked for again once everything else has been looked at.
  REFRESH_GRACE_SECONDS: '300',
  OTP_MAX_ATTEMPTS: '10',
  EMAIL_HOST: '127.0.0.1',
  EMAIL_PORT: String(smtp.port),
  EMAIL_USE_TLS: 'false',
  EMAIL_FROM: 'noreply@example.com',
  KAVENEGAR_API_KEY: kavenegar.key,
  KAVENEGAR_BASE_URL: kavenegar.url,
})

/** Those that serve afterwards serve the next round too. */
async function playRound(
  scene: Scene,
  struck: readonly ServerProcess[],
  number: number,
  say: (line: string) => void,
): Promise<{ servers: readonly ServerProcess[]; violations: Violations }> {
  const { installation, random, ledger } = scene
  const round = createRound()
  ledger.rounds.push(round)
  const lifetime = random.integer(SHORTEST_LOAD_ANSWERS, LONGEST_LOAD_ANSWERS)
  await loadAndStrike(scene, struck, round, lifetime)
  if (number % BROKEN_START_EVERY === 1) await installation.breakOffStart()
  const servers = installation.goesOn ? struck : await installation.start()
  const records = await installation.records()
  try {
    const violations = await findViolations(patient(spread(servers)), records, ledger)
    violations.push(...(await unsentCodes(records, round)), ...(await unsentMessages(records)))
    say(`round ${number}: struck after ${lifetime} answers; ${violations.length} broken`)
    violations.forEach(say)
    return { servers, violations }
  } finally {
    await records.close()
  }
}

async function loadAndStrike(
  scene: Scene,
  servers: readonly ServerProcess[],
  round: Round,
  lifetime: number,
): Promise<void> {
  const { installation, random } = scene
  let isOver = false
  const deps = { ...scene, round, isOver: () => isOver }
  const admins = await makeAdmins(scene, { ...deps, api: spread(servers) })
  const { counting, reached } = countAnswers(spread(servers), round, deps.isOver)
  const load = runLoad({ ...deps, api: counting }, admins)
  await Promise.race([reached(lifetime), load])
  await setTimeout(random.integer(0, LAST_PAUSE_MILLISECONDS))
  const strike = () => installation.strike(servers, () => (isOver = true))
  if (!installation.goesOn) await strike()
  else {
    round.watched = await watch(servers, strike)
    round.faults.push(...round.watched.faults)
  }
  if (!isOver) await Promise.race([reached(round.answers + ANSWERS_AFTERWARDS), load])
  isOver = true
  await load
  round.faults.push(...reasonsOf(round.faults, servers))
}

/** What the servers' logs say of the requests that failed. */
function reasonsOf(faults: readonly string[], servers: readonly ServerProcess[]): string[] {
  const ids = faults.flatMap((fault) => /"request_id":"(\w+)"/.exec(fault)?.[1] ?? [])
  const lines = servers.flatMap((server) => server.output().split('\n'))
  return lines.filter((line) => ids.some((id) => line.includes(id)))
}

/** Now the one server and now the other. */
function spread(servers: readonly ServerProcess[]): Api {
  const apis = servers.map(({ url }) => apiOf(url, ANSWER_MILLISECONDS))
  let calls = 0
  return (...call) => apis[++calls % apis.length]!(...call)
}

const MOST_ATTEMPTS = 5

/** Comes again when told to. */
const patient =
  (api: Api): Api =>
  async (...call) => {
    for (let attempt = 1; ; attempt++) {
      const answer = await api(...call)
      const after = answer.headers.get('retry-after')
      if (answer.status !== 503 || after === null || attempt === MOST_ATTEMPTS) return answer
      await setTimeout(Number(after) * 1000)
    }
  }

/** What fetch says when the connection broke or nobody listens. */
const isBroken = (error: unknown): boolean => error instanceof TypeError

function countAnswers(api: Api, round: Round, isOver: () => boolean) {
  const waiting: { readonly wanted: number; readonly resolve: () => void }[] = []
  const counting: Api = async (...call) => {
    if (isOver()) throw new Unanswered('nobody is asked any more')
    const asked = performance.now()
    try {
      const answer = await api(...call)
      round.answers += 1
      round.longestMilliseconds = Math.max(round.longestMilliseconds, performance.now() - asked)
      for (const { wanted, resolve } of waiting) if (round.answers >= wanted) resolve()
      return answer
    } catch (error) {
      if (!isBroken(error)) round.faults.push(`${call[0]} ${call[1]} had no answer: ${String(error)}`)
      throw new Unanswered(String(error))
    }
  }
  const reached = (wanted: number) => new Promise<void>((resolve) => void waiting.push({ wanted, resolve }))
  return { counting, reached }
}

/** Two admins who will leave at the same time: one may. */
async function makeAdmins({ installation, newName }: Scene, deps: LoadDeps): Promise<HeldSession[]> {
  const admins: HeldSession[] = []
  for (let each = 0; each < 2; each++) {
    const person = createPerson(`${newName()}@example.org`)
    await register(deps, person)
    const session = await signIn(deps, person)
    if (session) admins.push(session)
  }
  const records = await installation.records()
  await records.rows('update users set admin_since = null')
  const now = systemClock.now().toISOString()
  for (const { person } of admins)
    await records.rows('update users set admin_since = ? where id = ?', now, person.id ?? 0)
  await records.close()
  return admins
}
