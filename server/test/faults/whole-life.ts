import type { Database } from '../../src/database/schema.ts'
import type { App } from '../../src/http/server.ts'
import { systemRandom } from '../../src/kernel/random.ts'
import { CODE } from '../account.ts'
import { createSoftPasskey } from '../authenticator.ts'
import { appCode } from '../factors.ts'
import type { TurnedClock } from '../turned-clock.ts'
import { type Answer, type Api, askedOf } from './api.ts'

/** What several clients know of three accounts, and what they may do to them. */
export interface Household {
  readonly db: Database
  readonly clock: TurnedClock
  /** The newest last. What is over is tried as well. */
  readonly access: Keep
  readonly refresh: Keep
  /** Second-factor tokens. */
  readonly pending: Keep
  readonly appSecrets: Keep
  readonly recoveryCodes: Keep
  readonly challenges: Keep
  readonly links: Keep
  readonly passkeys: readonly ReturnType<typeof createSoftPasskey>[]
  /** The password of each, as far as anybody knows. */
  readonly passwords: [string, string, string]
  readonly faults: string[]
  readonly call: Api
}

type Keep = readonly [string[], string[], string[]]
const keep = (): Keep => [[], [], []]

export function createHousehold({ app, db, clock }: { app: App; db: Database; clock: TurnedClock }): Household {
  return {
    db,
    clock,
    access: keep(),
    refresh: keep(),
    pending: keep(),
    appSecrets: keep(),
    recoveryCodes: keep(),
    challenges: keep(),
    links: keep(),
    passkeys: [0, 1, 2].map(() => createSoftPasskey({ counts: false })),
    passwords: [PASSWORDS[0], PASSWORDS[0], PASSWORDS[0]],
    faults: [],
    call: askedOf(app),
  }
}

type Act = (household: Household, who: number) => Promise<Answer | undefined>

const PASSWORDS = ['Correct-Horse-7', 'Better-Horse-8'] as const
const one = <T>(from: readonly T[]): T | undefined =>
  from.length > 1 ? from[systemRandom.integer(0, from.length - 1)] : from[0]
/** Mostly the newest, which is the one that works. */
const recent = (kept: readonly string[]): string | undefined => one(kept.slice(-2))
const emailOf = (who: number, by = 0): string => `life${who}${by === 0 ? '' : `-${by}`}@example.com`
const NUMBERS = ['09120000001', '09120000002', '09120000003']

/** Keeps every token of an answer. */
function keepTokens(household: Household, who: number, { status, body }: Answer): void {
  if (status !== 200) return
  if (body.second_factor) household.pending[who]!.push(body.access)
  else if (body.access && body.refresh) {
    household.access[who]!.push(body.access)
    household.refresh[who]!.push(body.refresh)
  }
}

async function kept(household: Household, who: number, answering: Promise<Answer>): Promise<Answer> {
  const answer = await answering
  keepTokens(household, who, answer)
  const { recovery_codes: codes } = answer.body
  if (Array.isArray(codes)) household.recoveryCodes[who]!.push(...codes)
  return answer
}

const signIn: Act = (household, who) =>
  kept(
    household,
    who,
    household.call('POST', '/api/token/', {
      body: {
        email: emailOf(who, one([0, 0, 0, 0, 0, 0, 1])),
        password: household.passwords[who as 0],
        ...one([{}, { device: 'new' }]),
      },
    }),
  )

const own =
  (method: string, path: string, body?: () => object | undefined): Act =>
  async (household, who) => {
    const sent = body?.()
    const ask = () => {
      const token = recent(household.access[who]!)
      return kept(household, who, household.call(method, path, { token, ...(sent && { body: sent }) }))
    }
    const answer = await ask()
    if (answer.status !== 401) return answer
    if ((await signIn(household, who))?.status === 401) await register(household, who)
    return ask()
  }

const register: Act = async ({ call, passwords }, who) => {
  const email = emailOf(who, one([0, 0, 0, 0, 0, 0, 1]))
  const answer = await call('POST', '/api/users/', { body: { email, password: PASSWORDS[0] } })
  if (answer.status === 201) passwords[who as 0] = PASSWORDS[0]
  return answer
}

const step =
  (path: string, code: (household: Household, who: number) => object | undefined): Act =>
  async (household, who) => {
    if (household.pending[who]!.length < 2 || one([true, false])) await signIn(household, who)
    const token = recent(household.pending[who]!)
    const body = code(household, who)
    return kept(household, who, household.call('POST', path, { token, ...(body && { body }) }))
  }

const shownApp = ({ appSecrets, clock }: Household, who: number) => {
  const secret = recent(appSecrets[who]!)
  return { code: secret ? appCode(secret, clock.now(), systemRandom.integer(-1, 1)) : '123456' }
}

/** Marks the address verified, as a code would, so that more can be done sooner. */
async function verify({ db, clock }: Household, who: number): Promise<undefined> {
  const set = { emailVerifiedAt: clock.now(), emailFirstProvenAt: clock.now() }
  await db.updateTable('users').set(set).where('emailKey', '=', emailOf(who)).execute()
}

async function makeAdmin({ db, clock }: Household, who: number): Promise<undefined> {
  await db.updateTable('users').set({ adminSince: clock.now() }).where('emailKey', '=', emailOf(who)).execute()
}

const administer =
  (method: string, path: string, body?: object): Act =>
  async (household, who) => {
    const { db } = household
    const user = await db.selectFrom('users').select('id').where('emailKey', '=', emailOf(who)).executeTakeFirst()
    if (!user) return undefined
    const token = recent(household.access[(who + 1) % 3]!)
    return household.call(method, path.replace('ID', String(user.id)), { token, ...(body && { body }) })
  }

async function passkey(household: Household, who: number): Promise<Answer | undefined> {
  const token = recent(household.access[who]!)
  const soft = household.passkeys[who]!
  const options = await household.call('POST', '/api/passkeys/options/', { token })
  if (options.status !== 200) return options
  return household.call('POST', '/api/passkeys/', { token, body: soft.register(options.body) })
}

async function passkeySignIn(household: Household, who: number): Promise<Answer> {
  const { body } = await household.call('POST', '/api/token/passkey/options/')
  return kept(
    household,
    who,
    household.call('POST', '/api/token/passkey/', { body: household.passkeys[who]!.sign(body) }),
  )
}

async function passkeyStep(household: Household, who: number): Promise<Answer> {
  const token = recent(household.pending[who]!)
  const { status, ...options } = await household.call('POST', '/api/passkeys/verify/options/', { token })
  if (status !== 200) return { status, ...options }
  const body = household.passkeys[who]!.sign(options.body)
  return kept(household, who, household.call('POST', '/api/passkeys/verify/', { token, body }))
}

async function removePasskey(household: Household, who: number): Promise<Answer | undefined> {
  const token = recent(household.access[who]!)
  const { body } = await household.call('GET', '/api/passkeys/', { token })
  const id = body.results?.[0]?.id
  return id && household.call('DELETE', `/api/passkeys/${id}/`, { token })
}

async function askForCode(household: Household, who: number): Promise<Answer> {
  const answer = await household.call('POST', '/api/token/code/', { body: { email: emailOf(who) } })
  if (answer.status === 202) household.challenges[who]!.push(answer.body.challenge)
  return answer
}

const byCode: Act = (household, who) => {
  const challenge = recent(household.challenges[who]!) ?? 'none'
  const body = { challenge, code: one([CODE, CODE, '111111']) }
  return kept(household, who, household.call('POST', '/api/token/code/confirm/', { body }))
}

/** By a link that no mail held: what is stored is only its hash. */
const wrongReset: Act = (household, who) => {
  const body = { email: emailOf(who), code: 'AAAA-BBBB-CCCC', new_password: one(PASSWORDS) }
  return household.call('POST', '/api/password/reset/confirm/', { body })
}

/** Everything, from registration to deletion. */
export const LIFE: Readonly<Record<string, Act>> = {
  register,
  signIn,
  signInAgain: signIn,
  signInOnceMore: signIn,
  askForCode,
  byCode,
  refresh: ({ refresh, ...household }, who) =>
    kept(
      { refresh, ...household },
      who,
      household.call('POST', '/api/token/refresh/', { body: { refresh: one(refresh[who]!.slice(-4)) } }),
    ),
  logout: (household, who) =>
    own('POST', '/api/logout/', () => ({ refresh: recent(household.refresh[who]!) }))(household, who),
  giveUp: (household, who) => {
    const token = recent(household.pending[who]!)
    return household.call('POST', '/api/logout/', { token, body: { refresh: token } })
  },
  endOthers: own('DELETE', '/api/sessions/'),
  rename: own('PATCH', '/api/users/me/', () => ({ first_name: 'Sara' })),
  move: (household, who) =>
    own('PATCH', '/api/users/me/', () => ({ email: emailOf(who, one([0, 1])) }))(household, who),
  phone: own('PATCH', '/api/users/me/', () => ({ phone: one([...NUMBERS, null]) })),
  phoneSignIn: own('PATCH', '/api/users/me/', () => ({ phone_sign_in: one([true, false]) })),
  sendEmail: own('POST', '/api/otp/send/', () => ({ email_or_phone: 'email' })),
  sendPhone: own('POST', '/api/otp/send/', () => ({ email_or_phone: 'phone' })),
  prove: own('POST', '/api/otp/verify/', () => ({ code: CODE })),
  proveWrongly: own('POST', '/api/otp/verify/', () => ({ code: '111111' })),
  verify,
  changePassword: async (household, who) => {
    const [current_password, new_password] = [household.passwords[who as 0], one(PASSWORDS)!]
    const answer = await own('POST', '/api/password/change/', () => ({ current_password, new_password }))(
      household,
      who,
    )
    if (answer?.status === 204) household.passwords[who as 0] = new_password
    return answer
  },
  askForReset: ({ call }, who) => call('POST', '/api/password/reset/', { body: { email: emailOf(who) } }),
  wrongReset,
  undo: ({ call }) => call('POST', '/api/account/undo/', { body: { token: 'A'.repeat(22) } }),
  beginApp: async (household, who) => {
    const answer = await own('POST', '/api/totp/')(household, who)
    if (answer?.status === 200) household.appSecrets[who]!.push(answer.body.secret)
    return answer
  },
  confirmApp: (household, who) => own('POST', '/api/totp/confirm/', () => shownApp(household, who))(household, who),
  removeApp: own('DELETE', '/api/totp/'),
  recoveryCodes: own('POST', '/api/recovery-codes/'),
  twoFactorOn: own('PUT', '/api/two-factor/', () => ({ enabled: true })),
  twoFactorOff: own('PUT', '/api/two-factor/', () => ({ enabled: false })),
  stepByApp: step('/api/totp/verify/', shownApp),
  stepByRecoveryCode: step('/api/recovery-codes/verify/', ({ recoveryCodes }, who) => ({
    code: one(recoveryCodes[who]!.slice(-10)) ?? 'AAAA-BBBB-CCCC-DDDD',
  })),
  sendStep: step('/api/otp/send/', () => ({ email_or_phone: one(['email', 'phone']) })),
  stepByCode: step('/api/otp/verify/', () => ({ code: CODE })),
  reauthenticate: (household, who) =>
    own('POST', '/api/token/reauthenticate/', () => ({ password: household.passwords[who as 0] }))(household, who),
  passkey,
  passkeySignIn,
  passkeyStep,
  removePasskey,
  activity: own('GET', '/api/activity/'),
  factors: own('GET', '/api/factors/'),
  makeAdmin,
  close: administer('PATCH', '/api/admin/users/ID/', { is_active: false }),
  open: administer('PATCH', '/api/admin/users/ID/', { is_active: true }),
  reopen: administer('PATCH', '/api/admin/users/ID/', { is_active: true, is_admin: false }),
  endUserSessions: administer('DELETE', '/api/admin/users/ID/sessions/'),
  removeLostFactor: administer('DELETE', '/api/admin/users/ID/factors/totp/'),
  removeTwoFactor: administer('DELETE', '/api/admin/users/ID/factors/two_factor/'),
  leave: own('DELETE', '/api/users/me/'),
}
