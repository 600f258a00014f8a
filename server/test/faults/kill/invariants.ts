import type { Api } from '../api.ts'
import { findFactorViolations } from './factors.ts'
import type { HeldSession, Ledger, Person, Round, TriedCode } from './ledger.ts'
import type { Records } from './records.ts'
import { findResetViolations } from './resets.ts'

/** What is found broken, each with the invariant's name first. */
export type Violations = string[]

/** Asks the restarted servers and their database whether all that was acknowledged before they died still holds. */
export async function findViolations(api: Api, records: Records, ledger: Ledger): Promise<Violations> {
  const round = ledger.rounds.at(-1)!
  const violations = [
    ...round.faults,
    // By SQL first: what is asked over the wire afterwards changes counters and sessions.
    ...(await soundness(records)),
    ...(await unique(records)),
    ...(await admins(records)),
    ...(await counters(records, round)),
    ...(await ids(records, ledger)),
  ]
  const asked = [registrations, codes, findFactorViolations, children]
  for (const ask of asked) violations.push(...(await ask(api, round)))
  // Those ended in earlier rounds as well, but not without bound.
  violations.push(...(await endedSessions(api, ledger.rounds.flatMap(({ sessions }) => sessions).slice(-LATEST))))
  return [...violations, ...(await findResetViolations(api, round))]
}

const LATEST = 150

async function soundness(records: Records): Promise<Violations> {
  const unwiped = await records.rows(`select id from deliveries where status <> 'queued' and sealed is not null`)
  return [
    ...(await records.damage()),
    ...(unwiped.length === 0 ? [] : [`${unwiped.length} messages kept their text after they were sent or given up`]),
  ]
}

async function unique(records: Records): Promise<Violations> {
  const repeated = [
    ...(await records.rows('select mailbox_key from users group by mailbox_key having count(*) > 1')),
    ...(await records.rows('select email_key from users group by email_key having count(*) > 1')),
    ...(await records.rows(
      'select phone from users where phone_verified_at is not null group by phone having count(*) > 1',
    )),
  ]
  return repeated.map((row) => `I5: more than one user has ${Object.values(row).join()}`)
}

async function admins(records: Records): Promise<Violations> {
  const left = await records.rows('select id from users where admin_since is not null and deactivated_at is null')
  return left.length > 0 ? [] : ['I6: no admin is left']
}

async function counters(records: Records, { guesses, persons }: Round): Promise<Violations> {
  const violations: Violations = []
  for (const { email, failures } of guesses) {
    const [row] = await records.rows(
      'select failures from sign_in_failures where subject = ?',
      records.subjectOf(email),
    )
    const kept = Number(row?.['failures'] ?? 0)
    if (kept < failures) violations.push(`I8: ${kept} failed sign-ins of ${failures} are remembered`)
  }
  for (const { id, wrongCodes } of persons.filter(({ id, deletion }) => id !== undefined && deletion === 'no')) {
    for (const channel of ['email', 'phone'] as const) {
      const [row] = await records.rows(
        'select failures from factor_failures where user_id = ? and method = ?',
        id!,
        channel,
      )
      const known = wrongCodes[channel] ?? 0
      const kept = Number(row?.['failures'] ?? 0)
      if (kept < known) violations.push(`I8: ${kept} wrong codes of ${known} are remembered`)
    }
  }
  return violations
}

/** Also finds an acknowledged user who is gone, or a deleted one who is back, of any round. */
async function ids(records: Records, ledger: Ledger): Promise<Violations> {
  const users = await records.rows('select id, email from users')
  const present = new Map(users.map(({ id, email }) => [Number(id), String(email)]))
  const persons = ledger.rounds.flatMap(({ persons }) => persons)
  const acknowledged = persons.flatMap(({ id, email }) => (id === undefined ? [] : [[id, email] as const]))
  const twice = [...present, ...acknowledged].flatMap(([id, email]) => {
    const first = ledger.ids.get(id)
    ledger.ids.set(id, first ?? email)
    return first === undefined || first === email ? [] : [`I9: id ${id} was given to ${first} and to ${email}`]
  })
  const lost = persons.filter(({ id, deletion }) => id !== undefined && deletion === 'no' && !present.has(id))
  const back = persons.filter(({ id, deletion }) => id !== undefined && deletion === 'done' && present.has(id))
  return [
    ...twice,
    ...lost.map(({ email }) => `I1: ${email} is gone`),
    ...back.map(({ email }) => `I2: ${email} is back after an acknowledged deletion`),
  ]
}

const LANES = 6

/** Several at once: each sign-in hashes a password. */
async function registrations(api: Api, { persons }: Round): Promise<Violations> {
  const lanes = Array.from({ length: LANES }, (_, lane) => persons.filter((_, index) => index % LANES === lane))
  return (await Promise.all(lanes.map((persons) => registered(api, persons)))).flat()
}

async function registered(api: Api, persons: readonly Person[]): Promise<Violations> {
  const violations: Violations = []
  for (const { email, registration, deletion, firstName, ...person } of persons) {
    if (registration !== 'done' || deletion === 'asked') continue
    const wanted = deletion === 'done' ? 401 : 200
    const signIn = (password: string) => api('POST', '/api/token/', { body: { email, password } })
    const { formerPassword, nextPassword, password } = person
    if (formerPassword !== undefined && (await signIn(formerPassword)).status !== 401)
      violations.push(`I7: ${email} signs in with the password that was changed`)
    const first = await signIn(password)
    const answer = first.status === 401 && nextPassword !== undefined ? await signIn(nextPassword) : first
    if (answer.status !== wanted) violations.push(`I1: ${email} signs in with ${answer.status}, not ${wanted}`)
    if (answer.status !== 200 || answer.body.second_factor || firstName === undefined) continue
    const me = await api('GET', '/api/users/me/', { token: answer.body.access })
    if (me.body.first_name !== firstName) violations.push(`${email} lost an acknowledged change of name`)
  }
  return violations
}

/** I4: at most one success in all, the one before the crash included. */
async function codes(api: Api, { codes }: Round): Promise<Violations> {
  const violations: Violations = []
  for (const { code, session, proof } of codes) {
    const me = await api('GET', '/api/users/me/', { token: session.access })
    if (isLiving(session) && me.status !== 200) violations.push(`a living session is answered ${me.status}`)
    const again = [1, 2, 3].map(() => api('POST', '/api/otp/verify/', { token: session.access, body: { code } }))
    const successes = (await Promise.all(again)).filter(({ status }) => status === 200).length
    if (successes > mostSuccesses(proof)) violations.push(`I4: a code (${proof}) succeeded ${successes} times more`)
  }
  return violations
}

const mostSuccesses = (proof: TriedCode['proof']): number => (proof === 'done' ? 0 : 1)

const isOver = ({ end, person }: HeldSession): boolean => end === 'done' || person.deletion === 'done'
const isLiving = ({ end, person }: HeldSession): boolean => end === 'no' && person.deletion === 'no'

/** I3: whoever asks however often, before or after the crash, gets the same successor. */
async function children(api: Api, { sessions }: Round): Promise<Violations> {
  const violations: Violations = []
  const refresh = (token: string) => api('POST', '/api/token/refresh/', { body: { refresh: token } })
  for (const { refresh: newest, previous, isRefreshing, person } of sessions.filter(isLiving)) {
    if (previous !== undefined && !isRefreshing) {
      const repeated = await refresh(previous)
      if (repeated.body.refresh !== newest) violations.push(`I3: ${person.email} got another successor after the crash`)
    }
    const answers = [...(await Promise.all([refresh(newest), refresh(newest)])), await refresh(newest)]
    const successors = new Set(answers.map(({ status, body }) => `${status} ${String(body.refresh)}`))
    const isGood = successors.size === 1 && answers[0]!.status === 200
    if (!isGood) violations.push(`I3: ${person.email} got ${[...successors].join(' and ')}`)
  }
  return violations
}

async function endedSessions(api: Api, sessions: readonly HeldSession[]): Promise<Violations> {
  const violations: Violations = []
  for (const { access, refresh, previous = refresh, person } of sessions.filter(isOver)) {
    const answers = [
      await api('GET', '/api/users/me/', { token: access }),
      await api('POST', '/api/token/refresh/', { body: { refresh } }),
      await api('POST', '/api/token/refresh/', { body: { refresh: previous } }),
    ]
    const accepted = answers.filter(({ status }) => status !== 401)
    if (accepted.length > 0)
      violations.push(`I2: an ended session of ${person.email} was answered ${accepted[0]!.status}`)
  }
  return violations
}
