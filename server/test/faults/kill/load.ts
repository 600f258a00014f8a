import { setTimeout } from 'node:timers/promises'
import type { Random } from '../../../src/kernel/random.ts'
import type { KavenegarLookalike } from '../../lookalikes/kavenegar.ts'
import type { SmtpLookalike } from '../../lookalikes/smtp.ts'
import { type Api, PASSWORD } from '../api.ts'
import { fortify } from './factors.ts'
import {
  type Channel,
  createPerson,
  expectStatus,
  type HeldSession,
  type Person,
  type Round,
  type TriedCode,
  Unanswered,
} from './ledger.ts'
import { resetPassword } from './resets.ts'

export interface LoadDeps {
  readonly api: Api
  readonly smtp: SmtpLookalike
  readonly kavenegar: KavenegarLookalike
  readonly random: Random
  readonly round: Round
  /** Makes addresses that nobody had before. */
  readonly newName: () => string
  /** Nobody begins anything any more. */
  readonly isOver: () => boolean
}

// With those who guess, race and go, and the two admins who leave: sixteen clients.
const LIVES_AT_ONCE = 11
// The others hash passwords too; without a pause they would leave little of the machine to the lives.
const PAUSE_MILLISECONDS = 400
const UNANSWERED_PAUSE_MILLISECONDS = 20
const FREE_NUMBERS = 30 // so few that several have the same one
const GHOST_TRIES = 4 // the fifth failure would make the ghost wait, and further ones would not be counted

/** Lives lives, guesses passwords and races for mailboxes until it is over. */
export async function runLoad(deps: LoadDeps, admins: readonly HeldSession[]): Promise<void> {
  const lives = Array.from({ length: LIVES_AT_ONCE }, () => untilOver(deps, live, 0))
  const others = [guess, raceForMailbox, lonely].map((act) => untilOver(deps, act, PAUSE_MILLISECONDS))
  const leaving = admins.map((admin) => orUnanswered(() => leave(deps, admin)))
  await Promise.all([...lives, ...others, ...leaving])
}

/** Whoever gets no answer gives up what he was at and begins something else. */
async function untilOver(
  deps: LoadDeps,
  act: (deps: LoadDeps) => Promise<void>,
  pauseMilliseconds: number,
): Promise<void> {
  while (!deps.isOver()) {
    await orUnanswered(() => act(deps))
    await setTimeout(pauseMilliseconds)
  }
}

async function orUnanswered(act: () => Promise<void>): Promise<void> {
  try {
    await act()
  } catch (error) {
    if (!(error instanceof Unanswered)) throw error
    await setTimeout(UNANSWERED_PAUSE_MILLISECONDS)
  }
}

async function live(deps: LoadDeps): Promise<void> {
  const { random, round } = deps
  const person = createPerson(`${deps.newName()}@example.com`)
  if (!(await register(deps, person))) return
  const session = await signIn(deps, person)
  if (!session) return
  await proveAddress(deps, session, 'email')
  for (let turn = random.integer(1, 4); turn > 0; turn--) await refresh(deps, session, random.integer(1, 4))
  await rename(deps, session)
  if (random.integer(0, 1) === 1) await changePassword(deps, session)
  const phone = `0912${String(random.integer(0, FREE_NUMBERS)).padStart(7, '0')}`
  const changed = await deps.api('PATCH', '/api/users/me/', { token: session.access, body: { phone } })
  if (expectStatus(round, 'a first phone', changed, 200)) await proveAddress(deps, session, 'phone', phone)
  if (person.wrongCodes.email === undefined && random.integer(0, 1) === 1) await fortify(deps, session)
  const endings = [async () => {}, logout, reuse, leave, reset]
  await endings[random.integer(0, endings.length - 1)]!(deps, session)
}

function reset(deps: LoadDeps, session: HeldSession): Promise<void> {
  const seen = deps.smtp.messages.length
  const arrivalOf = (find: (mail: string) => string | undefined) =>
    arrival(() => find(mailTo(deps, session.person, seen) ?? ''))
  return resetPassword({ ...deps, arrivalOf }, session)
}

export async function register({ api, round }: LoadDeps, person: Person): Promise<boolean> {
  round.persons.push(person)
  person.registration = 'asked'
  const answer = await api('POST', '/api/users/', { body: { email: person.email, password: PASSWORD } })
  if (!expectStatus(round, 'registration', answer, 201)) return false
  person.registration = 'done'
  person.id = answer.body.id
  return true
}

export async function signIn({ api, round }: LoadDeps, person: Person): Promise<HeldSession | undefined> {
  const answer = await api('POST', '/api/token/', { body: { email: person.email, password: person.password } })
  if (!expectStatus(round, 'sign-in', answer, 200)) return undefined
  const { access, refresh } = answer.body as { access: string; refresh: string }
  const session: HeldSession = { person, access, refresh, isRefreshing: false, end: 'no' }
  round.sessions.push(session)
  return session
}

/** Presents the newest token so often at once; every answer must be the one successor. */
async function refresh({ api, round }: LoadDeps, session: HeldSession, times: number): Promise<void> {
  session.isRefreshing = true
  const body = { refresh: session.refresh }
  const answers = await Promise.all(Array.from({ length: times }, () => api('POST', '/api/token/refresh/', { body })))
  if (!answers.every((answer) => expectStatus(round, 'refresh', answer, 200))) return
  const successors = new Set(answers.map((answer) => answer.body.refresh as string))
  if (successors.size !== 1) round.faults.push('I3: one refresh token had two children at once')
  session.previous = session.refresh
  session.refresh = answers[0]!.body.refresh
  session.access = answers[0]!.body.access
  session.isRefreshing = false
}

async function rename({ api, round, newName }: LoadDeps, session: HeldSession): Promise<void> {
  const firstName = newName()
  session.person.firstName = undefined
  const answer = await api('PATCH', '/api/users/me/', { token: session.access, body: { first_name: firstName } })
  if (expectStatus(round, 'a change of name', answer, 200)) session.person.firstName = firstName
}

/** Of two sessions one changes the password: the other ends with the old one (I7). */
async function changePassword(deps: LoadDeps, session: HeldSession): Promise<void> {
  const { api, round } = deps
  const { person, access: token } = session
  const other = await signIn(deps, person)
  if (!other) return
  const next = `${PASSWORD}-${deps.newName()}`
  person.nextPassword = next
  other.end = 'asked'
  const body = { current_password: person.password, new_password: next }
  const answer = await api('POST', '/api/password/change/', { token, body })
  if (!expectStatus(round, 'a change of password', answer, 204)) return
  person.formerPassword = person.password
  person.password = next
  delete person.nextPassword
  other.end = 'done'
}

async function proveAddress(deps: LoadDeps, session: HeldSession, channel: Channel, phone = ''): Promise<void> {
  const { api, round } = deps
  const { person, access: token } = session
  const seen = channel === 'email' ? deps.smtp.messages.length : deps.kavenegar.sent.length
  const sent = await api('POST', '/api/otp/send/', { token, body: { email_or_phone: channel } })
  if (!expectStatus(round, 'a code', sent, 200)) return
  person.codesSent[channel] += 1
  const wrong = await api('POST', '/api/otp/verify/', { token, body: { code: NEVER_RIGHT } })
  if (!expectStatus(round, 'a wrong code', wrong, 400)) return
  person.wrongCodes[channel] = 1
  const find = channel === 'email' ? () => mailTo(deps, person, seen) : () => textTo(deps, phone, seen)
  const code = await arrival(() => /\b\d{6}\b/.exec(find() ?? '')?.[0])
  if (code === undefined) return
  const record: TriedCode = { session, code, proof: 'asked' }
  round.codes.push(record)
  person.wrongCodes[channel] = undefined
  const right = await api('POST', '/api/otp/verify/', { token, body: { code } })
  // 409: another user has verified this number first, and the code is used up all the same. 400: with a number that
  // several have, the newest code may be another one's.
  const allowed = channel === 'email' ? [200] : [200, 400, 409]
  if (expectStatus(round, 'a right code', right, ...allowed) && right.status !== 400) record.proof = 'done'
}

// Codes begin at 100000.
const NEVER_RIGHT = '099999'

/** What is found in a message once it has reached its reader; undefined when the server is gone before it sent it. */
async function arrival(find: () => string | undefined): Promise<string | undefined> {
  for (let look = 0; look < 400; look++) {
    const found = find()
    if (found !== undefined) return found
    await setTimeout(5)
  }
  return undefined
}

const mailTo = ({ smtp }: LoadDeps, person: Person, seen: number): string | undefined =>
  smtp.messages.slice(seen).find(({ recipients }) => recipients.includes(person.email))?.text

const textTo = ({ kavenegar }: LoadDeps, phone: string, seen: number): string | undefined =>
  kavenegar.sent.slice(seen).findLast(({ receptor }) => receptor === phone)?.message

async function logout({ api, round }: LoadDeps, session: HeldSession): Promise<void> {
  session.end = 'asked'
  const answer = await api('POST', '/api/logout/', { token: session.access, body: { refresh: session.refresh } })
  if (expectStatus(round, 'logout', answer, 200)) session.end = 'done'
}

/** Uses a token after its successor was used: the whole session is revoked. */
async function reuse(deps: LoadDeps, session: HeldSession): Promise<void> {
  await refresh(deps, session, 1)
  const stolen = session.previous
  await refresh(deps, session, 1)
  if (session.isRefreshing || stolen === undefined) return
  session.end = 'asked'
  const answer = await deps.api('POST', '/api/token/refresh/', { body: { refresh: stolen } })
  if (expectStatus(deps.round, 'a reused token', answer, 401)) session.end = 'done'
}

/** 409: the last admin stays. */
async function leave({ api, round }: LoadDeps, { person, access }: HeldSession): Promise<void> {
  person.deletion = 'asked'
  const answer = await api('DELETE', '/api/users/me/', { token: access })
  if (!expectStatus(round, 'deletion', answer, 204, 409)) return
  person.deletion = answer.status === 204 ? 'done' : 'no'
}

/** Registers and goes again at once, so that the highest id is free whenever the server dies. */
async function lonely(deps: LoadDeps): Promise<void> {
  const person = createPerson(`${deps.newName()}@example.com`)
  if (!(await register(deps, person))) return
  const session = await signIn(deps, person)
  if (session) await leave(deps, session)
}

async function guess({ api, round, newName }: LoadDeps): Promise<void> {
  const ghost = { email: `${newName()}@example.net`, failures: 0 }
  round.guesses.push(ghost)
  for (let attempt = 0; attempt < GHOST_TRIES; attempt++) {
    const answer = await api('POST', '/api/token/', { body: { email: ghost.email, password: `${PASSWORD}${attempt}` } })
    if (expectStatus(round, 'a wrong password', answer, 401)) ghost.failures += 1
  }
}

/** Four spellings of one mailbox at once: one account. */
async function raceForMailbox({ api, round, newName }: LoadDeps): Promise<void> {
  const name = newName()
  const spellings = [name, `${name}+a`, `${name.slice(0, 2)}.${name.slice(2)}`, name.toUpperCase()]
  const answers = await Promise.all(
    spellings.map((local) => api('POST', '/api/users/', { body: { email: `${local}@gmail.com`, password: PASSWORD } })),
  )
  for (const answer of answers) expectStatus(round, 'a race for a mailbox', answer, 201, 400)
  const winners = answers.filter(({ status }) => status === 201)
  for (const { body } of winners) {
    round.persons.push({ ...createPerson(body.email), registration: 'done', id: body.id })
  }
  if (winners.length !== 1) round.faults.push(`I5: ${winners.length} accounts for one mailbox`)
}
