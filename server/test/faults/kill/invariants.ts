import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { subjectOf } from '../../../src/features/attempts/sign-ins.ts'
import { createSecret } from '../../../src/kernel/secret.ts'
import type { Api } from '../api.ts'
import { findFactorViolations } from './factors.ts'
import type { HeldSession, Ledger, Round, TriedCode } from './ledger.ts'

/** What is found broken, each with the invariant's name first. */
export type Violations = string[]

/** Reads the file beside the server that serves it. */
export interface DataFile {
  rows(sql: string, ...parameters: (string | number)[]): Record<string, string | number | null>[]
  write(sql: string, ...parameters: (string | number)[]): void
  /** The counter's subject for an address, as the server keys it. */
  subjectOf(email: string): string
  close(): void
}

export function openDataFile(dataDir: string): DataFile {
  const sqlite = new DatabaseSync(join(dataDir, 'latchkey.db'), { timeout: 5000 })
  const secret = createSecret(Buffer.from(readFileSync(join(dataDir, 'secret.key'), 'utf8').trim(), 'base64url'))
  return {
    rows: (sql, ...parameters) => sqlite.prepare(sql).all(...parameters) as Record<string, string | number | null>[],
    write: (sql, ...parameters) => void sqlite.prepare(sql).run(...parameters),
    subjectOf: (email) => subjectOf(secret, email, undefined),
    close: () => sqlite.close(),
  }
}

/** Asks the restarted server and its file whether all that was acknowledged before it died still holds. */
export async function findViolations(api: Api, file: DataFile, ledger: Ledger): Promise<Violations> {
  const round = ledger.rounds.at(-1)!
  // By SQL first: what is asked over the wire afterwards changes counters and sessions.
  return [
    ...round.faults,
    ...soundness(file),
    ...unique(file),
    ...admins(file),
    ...counters(file, round),
    ...ids(file, ledger),
    ...(await registrations(api, round)),
    ...(await codes(api, round)),
    ...(await findFactorViolations(api, round)),
    ...(await children(api, round)),
    // Those ended in earlier rounds as well, but not without bound.
    ...(await endedSessions(api, ledger.rounds.flatMap(({ sessions }) => sessions).slice(-300))),
  ]
}

function soundness(file: DataFile): Violations {
  const integrity = file.rows('pragma integrity_check').map((row) => row['integrity_check'])
  const orphans = file.rows('pragma foreign_key_check')
  const unwiped = file.rows(`select id from deliveries where status <> 'queued' and sealed is not null`)
  return [
    ...(integrity.join() === 'ok' ? [] : [`the file is damaged: ${integrity.join('; ')}`]),
    ...(orphans.length === 0 ? [] : [`${orphans.length} rows refer to rows that are gone`]),
    ...(unwiped.length === 0 ? [] : [`${unwiped.length} messages kept their text after they were sent or given up`]),
  ]
}

function unique(file: DataFile): Violations {
  const repeated = [
    ...file.rows('select mailbox_key from users group by mailbox_key having count(*) > 1'),
    ...file.rows('select email_key from users group by email_key having count(*) > 1'),
    ...file.rows('select phone from users where phone_verified_at is not null group by phone having count(*) > 1'),
  ]
  return repeated.map((row) => `I5: more than one user has ${Object.values(row).join()}`)
}

function admins(file: DataFile): Violations {
  const left = file.rows('select id from users where admin_since is not null and deactivated_at is null')
  return left.length > 0 ? [] : ['I6: no admin is left']
}

function counters(file: DataFile, { guesses, persons }: Round): Violations {
  const signIns = guesses.flatMap(({ email, failures }) => {
    const [row] = file.rows('select failures from sign_in_failures where subject = ?', file.subjectOf(email))
    const kept = Number(row?.['failures'] ?? 0)
    return kept >= failures ? [] : [`I8: ${kept} failed sign-ins of ${failures} are remembered`]
  })
  const codes = persons.flatMap(({ id = 0, deletion, wrongCodes }) =>
    (['email', 'phone'] as const).flatMap((channel) => {
      const known = deletion === 'no' ? (wrongCodes[channel] ?? 0) : 0
      const [row] = file.rows('select failures from factor_failures where user_id = ? and method = ?', id, channel)
      const kept = Number(row?.['failures'] ?? 0)
      return kept >= known ? [] : [`I8: ${kept} wrong codes of ${known} are remembered`]
    }),
  )
  return [...signIns, ...codes]
}

/** Also finds an acknowledged user who is gone, or a deleted one who is back, of any round. */
function ids(file: DataFile, ledger: Ledger): Violations {
  const present = new Map(file.rows('select id, email from users').map(({ id, email }) => [Number(id), String(email)]))
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

async function registrations(api: Api, { persons }: Round): Promise<Violations> {
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
