import type { Api } from '../api.ts'
import { expectStatus, type HeldSession, type Round } from './ledger.ts'

interface ResetDeps {
  readonly api: Api
  readonly round: Round
  readonly newName: () => string
  /** What the newest mail to somebody says, once it is there. */
  readonly arrivalOf: (find: (mail: string) => string | undefined) => Promise<string | undefined>
}

const LINK = /\/password\/reset\/#([\w-]+)/

/** Sets a new password by the link of a mail, which ends every session of its owner. */
export async function resetPassword({ api, round, ...deps }: ResetDeps, { person }: HeldSession): Promise<void> {
  const asked = await api('POST', '/api/password/reset/', { body: { email: person.email } })
  if (!expectStatus(round, 'a reset asked for', asked, 202)) return
  const token = await deps.arrivalOf((mail) => LINK.exec(mail)?.[1])
  if (token === undefined) return
  const password = `Reset-Horse-7-${deps.newName()}`
  const own = round.sessions.filter((session) => session.person === person && session.end !== 'done')
  for (const session of own) session.end = 'asked'
  // A reset forgives what failed before it.
  Object.assign(person.wrongCodes, { email: undefined, phone: undefined })
  person.nextPassword = password
  const reset = { person, token, password, proof: 'asked' as 'asked' | 'done' }
  round.resets.push(reset)
  const answer = await confirm(api, token, password)
  if (!expectStatus(round, 'a reset', answer, 204)) return
  reset.proof = 'done'
  person.formerPassword = person.password
  person.password = password
  delete person.nextPassword
  for (const session of own) session.end = 'done'
}

const confirm = (api: Api, token: string, password: string) =>
  api('POST', '/api/password/reset/confirm/', { body: { token, new_password: password } })

/** I4 of the links in mails: at most one success in all. */
export async function findResetViolations(api: Api, { resets }: Round): Promise<string[]> {
  const violations: string[] = []
  for (const { token, password, proof } of resets) {
    const again = await Promise.all([1, 2, 3].map(() => confirm(api, token, password)))
    const successes = again.filter(({ status }) => status === 204).length
    const most = proof === 'done' ? 0 : 1
    if (successes > most) violations.push(`I4: a reset (${proof}) succeeded ${successes} times more`)
  }
  return violations
}
