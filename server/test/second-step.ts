import { AS_WRITTEN } from './insertion-order.ts'
import { PHONE, setPhone, verifyCode } from './codes.ts'
import { appCode, succeeded, verifiedUser, withApp, withTwoFactors } from './factors.ts'
import { readToken } from './wire.ts'
import type { Answer, SignedIn, World } from './world.ts'
import { seconds } from '../src/kernel/duration.ts'

/** Someone whose password was right and who is nobody yet. */
export interface Candidate {
  readonly access: string
  readonly refresh: string
  readonly methods: readonly string[]
}

/** Begins a sign-in that needs a second step. */
export async function beginSignIn(world: World, user: Pick<SignedIn, 'email' | 'password'>): Promise<Candidate> {
  const { body } = succeeded(await world.signIn(user))
  if (body.second_factor?.required !== true) throw new Error('no second step was asked for')
  return { access: body.access, refresh: body.refresh, methods: body.second_factor.methods }
}

type By = Pick<Candidate, 'access'>

export const passByApp = (world: World, { access: token }: By, code: unknown): Promise<Answer> =>
  world.call('POST', '/api/totp/verify/', { token, body: { code } })

export const passByRecoveryCode = (world: World, { access: token }: By, code: unknown): Promise<Answer> =>
  world.call('POST', '/api/recovery-codes/verify/', { token, body: { code } })

/** A second factor of everything that needs no browser. */
export interface Fortified {
  readonly user: SignedIn
  /** Of the authenticator app. */
  readonly secret: string
  readonly recoveryCodes: readonly string[]
  /** What the app shows now and has not shown before. */
  nextAppCode(): string
}

/** Somebody with two factors on: e-mail, phone, an authenticator app and recovery codes. */
export async function fortified(world: World, phone: string = PHONE): Promise<Fortified> {
  const user = await verifiedUser(world)
  await setPhone(world, user, phone)
  succeeded(await world.call('POST', '/api/otp/send/', { token: user.access, body: { email_or_phone: 'phone' } }))
  succeeded(await verifyCode(world, user, await world.codeTo(phone)))
  const { secret } = await withApp(world, user)
  const recoveryCodes = await withTwoFactors(world, user)
  const nextAppCode = () => {
    world.clock.turn(seconds(30))
    return appCode(secret, world.clock.now())
  }
  return { user, secret, recoveryCodes, nextAppCode }
}

/** What an access token says of how its bearer was proven. */
export function assuranceOf({ access }: { readonly access: string }): { acr: unknown; amr: unknown } {
  const { acr, amr } = readToken(access).payload
  return { acr, amr }
}

/** HTTP status and the machine's code of an answer. */
export const codeOf = ({ status, body }: Answer): unknown[] => [status, body.code]

/** Whether a token opens the caller's own record, and with what code it is refused. */
export const meBy = async (world: World, token: string): Promise<unknown[]> =>
  codeOf(await world.call('GET', '/api/users/me/', { token }))

/** What is on record for a user, with its details, oldest first. */
export async function recordOf(world: World, userId: number): Promise<string[]> {
  const rows = await world.latchkey.foundation.db
    .selectFrom('auditEvents')
    .select(['type', 'details'])
    .where('userId', '=', userId)
    .orderBy(AS_WRITTEN)
    .execute()
  return rows.map(({ type, details }) => `${type} ${details}`)
}
