import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { systemClock } from '../../../src/kernel/clock.ts'
import { type Random, systemRandom } from '../../../src/kernel/random.ts'
import { type KavenegarLookalike, startKavenegar } from '../../lookalikes/kavenegar.ts'
import { type SmtpLookalike, startSmtp } from '../../lookalikes/smtp.ts'
import { type Api, apiOf } from '../api.ts'
import { launch, UNTHROTTLED, startServer } from '../server-process.ts'
import { type DataFile, findViolations, openDataFile, type Violations } from './invariants.ts'
import { createRound, type HeldSession, type Ledger, type Round } from './ledger.ts'
import { type LoadDeps, register, runLoad, signIn } from './load.ts'
import { createPerson } from './ledger.ts'

// Counted in answers and not in time, so that a slow machine gets as far; from the first registrations to many whole lives.
const SHORTEST_LOAD_ANSWERS = 10
const LONGEST_LOAD_ANSWERS = 400
// Between two answers too, wherever the server then is.
const LAST_PAUSE_MILLISECONDS = 20
// A start takes about as long.
const LONGEST_START_MILLISECONDS = 900
// Every so many rounds the start itself is broken off too, the very first one among them.
const BROKEN_START_EVERY = 4
// A message in a dead worker's hand is taken up by the next once its lease of a minute has run out.
const LEASE_SECONDS = 62
const PROMPT_SECONDS = 10

interface Scene {
  readonly dataDir: string
  readonly settings: Readonly<Record<string, string>>
  readonly smtp: SmtpLookalike
  readonly kavenegar: KavenegarLookalike
  readonly random: Random
  readonly ledger: Ledger
  readonly newName: () => string
}

/**
 * Kills a server under load at a random moment, starts it again on the same folder and asks whether what was acknowledged
 * holds, so many times. Gives back what was broken, nothing when all is well. With `untilLeasesEnd` it waits, at the end,
 * until every message is settled.
 */
export async function killRounds(
  count: number,
  { untilLeasesEnd, say }: { readonly untilLeasesEnd: boolean; readonly say: (line: string) => void },
): Promise<Violations> {
  await using smtp = await startSmtp({ security: 'none' })
  await using kavenegar = await startKavenegar({ credit: Number.MAX_SAFE_INTEGER })
  const dataDir = mkdtempSync(join(tmpdir(), 'latchkey-kill-'))
  const scene = setScene(dataDir, smtp, kavenegar)
  const violations: Violations = []
  try {
    for (let round = 1; round <= count; round++) {
      const found = await playRound(scene, round, say)
      violations.push(...found.map((violation) => `round ${round}: ${violation}`))
    }
    violations.push(...(await settleMessages(scene, untilLeasesEnd ? LEASE_SECONDS : 0, say)))
    return violations
  } finally {
    rmSync(dataDir, { recursive: true, force: true })
  }
}

function setScene(dataDir: string, smtp: SmtpLookalike, kavenegar: KavenegarLookalike): Scene {
  let names = 0
  return {
    dataDir,
    smtp,
    kavenegar,
    random: systemRandom,
    ledger: { rounds: [], ids: new Map() },
    newName: () => `name${++names}`,
    settings: {
      ...UNTHROTTLED,
      OTP_MAX_ATTEMPTS: '10',
      EMAIL_HOST: '127.0.0.1',
      EMAIL_PORT: String(smtp.port),
      EMAIL_USE_TLS: 'false',
      EMAIL_FROM: 'noreply@example.com',
      KAVENEGAR_API_KEY: kavenegar.key,
      KAVENEGAR_BASE_URL: kavenegar.url,
    },
  }
}

async function playRound(scene: Scene, number: number, say: (line: string) => void): Promise<Violations> {
  const { dataDir, settings, random, ledger } = scene
  if (number % BROKEN_START_EVERY === 1) await breakOffStart(scene)
  const round = createRound()
  ledger.rounds.push(round)
  const lifetime = random.integer(SHORTEST_LOAD_ANSWERS, LONGEST_LOAD_ANSWERS)
  await loadAndKill(scene, round, lifetime)
  await using server = await startServer(dataDir, settings)
  const file = openDataFile(dataDir)
  try {
    const violations = await findViolations(apiOf(server.url), file, ledger)
    violations.push(...unsentCodes(file, round), ...(await unsentMessages(file)))
    say(`round ${number}: killed after ${lifetime} answers; ${summary(round)}; ${violations.length} broken`)
    return violations
  } finally {
    file.close()
  }
}

async function breakOffStart({ dataDir, settings, random }: Scene): Promise<void> {
  await using launched = launch(dataDir, settings)
  await setTimeout(random.integer(0, LONGEST_START_MILLISECONDS))
  launched.kill('SIGKILL')
}

async function loadAndKill(scene: Scene, round: Round, lifetime: number): Promise<void> {
  await using server = await startServer(scene.dataDir, scene.settings)
  const api = apiOf(server.url)
  const admins = await makeAdmins(scene, { ...scene, round, api })
  const { counting, reached } = countAnswers(api, lifetime)
  const load = runLoad({ ...scene, round, api: counting }, admins)
  await Promise.race([reached, load])
  await setTimeout(scene.random.integer(0, LAST_PAUSE_MILLISECONDS))
  server.kill('SIGKILL')
  await Promise.all([server.exited, load])
}

/** `reached` resolves with the `wanted`th answer. */
function countAnswers(api: Api, wanted: number): { counting: Api; reached: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>()
  let answers = 0
  const counting: Api = async (...call) => {
    const answer = await api(...call)
    answers += 1
    if (answers === wanted) resolve()
    return answer
  }
  return { counting, reached: promise }
}

/** Two admins who will leave at the same time: one may. */
async function makeAdmins({ dataDir, newName }: Scene, deps: LoadDeps): Promise<HeldSession[]> {
  const admins: HeldSession[] = []
  for (let each = 0; each < 2; each++) {
    const person = createPerson(`${newName()}@example.org`)
    await register(deps, person)
    const session = await signIn(deps, person)
    if (session) admins.push(session)
  }
  const file = openDataFile(dataDir)
  file.write('update users set admin_since = null')
  for (const { person } of admins) {
    file.write('update users set admin_since = ? where id = ?', systemClock.now().toISOString(), person.id ?? 0)
  }
  file.close()
  return admins
}

/** Stored with the code and not after it: whatever was answered with "sent" is in the outbox or has left. */
function unsentCodes(file: DataFile, { persons }: Round): Violations {
  return persons.flatMap(({ id = 0, email, deletion, codesSent }) => {
    if (deletion !== 'no') return []
    return (['email', 'phone'] as const).flatMap((channel) => {
      const stored = file.rows(
        `select id from deliveries where user_id = ? and channel = ? and template = 'verification_code'`,
        id,
        channel === 'email' ? 'email' : 'sms',
      ).length
      return stored >= codesSent[channel]
        ? []
        : [`${email}: ${stored} of ${codesSent[channel]} codes by ${channel} stored`]
    })
  })
}

/** What no dead worker had in hand is sent at once after the restart. */
async function unsentMessages(file: DataFile): Promise<Violations> {
  const waiting = () => file.rows(`select id from deliveries where status = 'queued' and leased_until is null`)
  for (let look = 0; look < PROMPT_SECONDS * 20 && waiting().length > 0; look++) await setTimeout(50)
  return waiting().map(({ id }) => `message ${id} was not sent after the restart`)
}

async function settleMessages(scene: Scene, waitSeconds: number, say: (line: string) => void): Promise<Violations> {
  await using server = await startServer(scene.dataDir, scene.settings)
  const file = openDataFile(scene.dataDir)
  try {
    const queued = () => file.rows(`select id from deliveries where status = 'queued'`)
    for (let look = 0; look < waitSeconds * 4 && queued().length > 0; look++) await setTimeout(250)
    const counts = file.rows('select status, reason, count(*) as count from deliveries group by status, reason')
    say(counts.map(({ status, reason, count }) => `${count} messages ${status} ${reason ?? ''}`).join('; '))
    if (waitSeconds === 0) return []
    return queued().map(({ id }) => `message ${id} is still queued after its lease\n${server.output()}`)
  } finally {
    file.close()
  }
}

const summary = ({ persons, sessions, codes, recoveries, givenUp, guesses }: Round): string =>
  [
    `${persons.filter(({ registration }) => registration === 'done').length} registrations`,
    `${sessions.length} sign-ins`,
    `${sessions.filter(({ end }) => end === 'done').length} sessions ended`,
    `${codes.filter(({ proof }) => proof === 'done').length} codes proven`,
    `${recoveries.filter(({ proof }) => proof === 'done').length} recovery codes taken`,
    `${givenUp.filter(({ end }) => end === 'done').length} sign-ins given up`,
    `${persons.filter(({ deletion }) => deletion === 'done').length} deletions`,
    `${guesses.reduce((sum, { failures }) => sum + failures, 0)} failed sign-ins`,
  ].join(', ')
