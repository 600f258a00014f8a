import type { Answer, Api } from '../api.ts'
import { expectStatus, type GivenUp, type HeldSession, type Person, type Round, type TriedRecovery } from './ledger.ts'

const askToPass = (api: Api, token: string, code: string): Promise<Answer> =>
  api('POST', '/api/recovery-codes/verify/', { token, body: { code } })

const asksForMore = ({ status, body }: Answer): boolean => status === 200 && body.second_factor !== undefined

const beginSignIn = (api: Api, { email, password }: Person): Promise<Answer> =>
  api('POST', '/api/token/', { body: { email, password } })

/** Turns two factors on, passes the second step once by a recovery code, and gives the next sign-in up before its own. */
export async function fortify(
  { api, round }: { readonly api: Api; readonly round: Round },
  { person, access }: HeldSession,
): Promise<void> {
  const on = await api('PUT', '/api/two-factor/', { token: access, body: { enabled: true } })
  // 403: no code had reached its reader, so the address is not verified.
  if (!expectStatus(round, 'two factors on', on, 200, 403) || on.status === 403) return
  const [code, unused] = on.body.recovery_codes
  const recovery: TriedRecovery = { person, code, unused, proof: 'no' }
  round.recoveries.push(recovery)
  const first = await beginSignIn(api, person)
  if (!expectStatus(round, 'a first step', first, 200)) return
  recovery.proof = 'asked'
  const passed = await askToPass(api, first.body.access, code)
  if (!expectStatus(round, 'a recovery code', passed, 200)) return
  recovery.proof = 'done'
  const { access: opened, refresh } = passed.body
  round.sessions.push({ person, access: opened, refresh, isRefreshing: false, end: 'no' })
  const next = await beginSignIn(api, person)
  if (expectStatus(round, 'a first step', next, 200)) await giveUp(api, round, recovery, next)
}

async function giveUp(api: Api, round: Round, recovery: TriedRecovery, { body }: Answer): Promise<void> {
  const givenUp: GivenUp = { access: body.access, recovery, end: 'asked' }
  round.givenUp.push(givenUp)
  const answer = await api('POST', '/api/logout/', { token: body.access, body: { refresh: body.refresh } })
  if (expectStatus(round, 'giving up', answer, 200)) givenUp.end = 'done'
}

/** I2 of sign-ins that were given up, and I4 of recovery codes. */
export async function findFactorViolations(api: Api, { recoveries, givenUp }: Round): Promise<string[]> {
  const violations: string[] = []
  for (const { access, recovery } of givenUp.filter(({ end }) => end === 'done')) {
    const { status } = await askToPass(api, access, recovery.unused)
    if (status !== 401)
      violations.push(`I2: a sign-in of ${recovery.person.email} that was given up answered ${status}`)
  }
  // Whoever asked for another password and had no answer may have either.
  const known = recoveries.filter(({ person }) => person.deletion === 'no' && person.nextPassword === undefined)
  for (const { person, code, proof } of known) {
    const begun = await beginSignIn(api, person)
    if (!asksForMore(begun)) {
      violations.push(`${person.email} has two factors on and signs in with ${begun.status} by one`)
      continue
    }
    const again = await Promise.all([1, 2, 3].map(() => askToPass(api, begun.body.access, code)))
    const successes = again.filter(({ status }) => status === 200).length
    const most = proof === 'done' ? 0 : 1
    if (successes > most) violations.push(`I4: a recovery code (${proof}) succeeded ${successes} times more`)
  }
  return violations
}
