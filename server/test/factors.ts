import { Secret, TOTP } from 'otpauth'
import { codeFor, verifyCode } from './codes.ts'
import type { Answer, SignedIn, World } from './world.ts'

/** Somebody signed in whose e-mail is verified. */
export async function verifiedUser(world: World, email?: string): Promise<SignedIn> {
  const user = await world.signedInUser(email)
  const { status, text } = await verifyCode(world, user, await codeFor(world, user))
  if (status !== 200) throw new Error(`verification answered ${status}: ${text}`)
  return user
}

/** What an authenticator app with this secret shows, so many 30-second steps from a moment. */
export const appCode = (secret: string, moment: Date, steps = 0): string =>
  TOTP.generate({ secret: Secret.fromBase32(secret), timestamp: moment.getTime() + steps * 30_000 })

/** A code that it shows neither now nor a step before or after. */
export function wrongAppCode(secret: string, moment: Date): string {
  const shown = [-1, 0, 1].map((steps) => appCode(secret, moment, steps))
  return ['100000', '200000', '300000', '400000'].find((code) => !shown.includes(code))!
}

export const beginApp = (world: World, { access: token }: Pick<SignedIn, 'access'>) =>
  world.call('POST', '/api/totp/', { token })

export const confirmApp = (world: World, { access: token }: Pick<SignedIn, 'access'>, code: unknown) =>
  world.call('POST', '/api/totp/confirm/', { token, body: { code } })

export const removeApp = (world: World, { access: token }: Pick<SignedIn, 'access'>) =>
  world.call('DELETE', '/api/totp/', { token })

export const makeRecoveryCodes = (world: World, { access: token }: Pick<SignedIn, 'access'>) =>
  world.call('POST', '/api/recovery-codes/', { token })

export const readFactors = async (world: World, { access: token }: Pick<SignedIn, 'access'>) =>
  (await world.call('GET', '/api/factors/', { token })).body

export const setTwoFactor = (world: World, { access: token }: Pick<SignedIn, 'access'>, enabled: unknown) =>
  world.call('PUT', '/api/two-factor/', { token, body: { enabled } })

/** Adds an authenticator app; gives its secret and the recovery codes that came with it. */
export async function withApp(world: World, user: SignedIn): Promise<{ secret: string; recoveryCodes: string[] }> {
  const { secret } = succeeded(await beginApp(world, user)).body
  const { recovery_codes: recoveryCodes } = succeeded(
    await confirmApp(world, user, appCode(secret, world.clock.now())),
  ).body
  return { secret, recoveryCodes }
}

/** Turns two factors on; gives the recovery codes that came with it. */
export async function withTwoFactors(world: World, user: SignedIn): Promise<string[]> {
  return succeeded(await setTwoFactor(world, user, true)).body.recovery_codes
}

/** The answer, where it is no refusal. */
export function succeeded(answer: Answer): Answer {
  if (answer.status >= 300) throw new Error(`answered ${answer.status}: ${answer.text}`)
  return answer
}

/** Signs in with two factors on, the second by a code of the app so many steps from now. */
export async function signInWithApp(world: World, user: SignedIn, secret: string, steps = 0): Promise<SignedIn> {
  const { access: token } = succeeded(await world.signIn(user)).body
  const code = appCode(secret, world.clock.now(), steps)
  const { body } = succeeded(await world.call('POST', '/api/totp/verify/', { token, body: { code } }))
  return { ...user, access: body.access, refresh: body.refresh }
}

/** The templates of the notices sent to an address in the order of the alphabet, codes left out. */
export async function noticesTo(world: World, address: string): Promise<string[]> {
  await world.inbox(address)
  const { db } = world.latchkey.foundation
  const sent = await db
    .selectFrom('deliveries')
    .innerJoin('users', 'users.id', 'deliveries.userId')
    .select('template')
    .where('users.email', '=', address)
    .where('template', 'not like', '%_code')
    .orderBy('template')
    .execute()
  return sent.map(({ template }) => template)
}

/** What is on record of a user, in no order: these types alone. */
export async function recordedOf(world: World, userId: number, types: readonly string[]): Promise<string[]> {
  const { db } = world.latchkey.foundation
  const events = await db.selectFrom('auditEvents').select(['type', 'result']).where('userId', '=', userId).execute()
  return events
    .filter(({ type }) => types.includes(type))
    .map(({ type, result }) => `${type}: ${result}`)
    .toSorted()
}
