import { createSoftPasskey, type SoftPasskey, type Twist } from './authenticator.ts'
import type { Answer, SignedIn, World } from './world.ts'

/** Marks the user's e-mail address verified, without a code. */
async function markVerified(world: World, { id }: SignedIn): Promise<void> {
  const set = { emailVerifiedAt: world.clock.now(), emailFirstProvenAt: world.clock.now() }
  await world.latchkey.foundation.db.updateTable('users').set(set).where('id', '=', id).execute()
}

const post = (world: World, path: string, body?: unknown, token?: string): Promise<Answer> =>
  world.call('POST', path, { ...(body !== undefined && { body }), ...(token !== undefined && { token }) })

export const creationOptions = (world: World, user: SignedIn): Promise<Answer> =>
  post(world, '/api/passkeys/options/', undefined, user.access)

/** Registers a passkey by fresh options. */
export async function register(world: World, user: SignedIn, passkey: SoftPasskey, twist?: Twist): Promise<Answer> {
  const { body: options } = await creationOptions(world, user)
  return post(world, '/api/passkeys/', passkey.register(options, twist), user.access)
}

/** Somebody signed in whose e-mail address is verified, also where nobody else may sign in. */
export async function verifiedUser(world: World): Promise<SignedIn> {
  const user = await world.signedInUser()
  await markVerified(world, user)
  return { ...user, ...(await world.signIn(user)).body }
}

/** Somebody whose e-mail address is verified, with a passkey. */
export async function userWithPasskey(
  world: World,
  { counts = true, twist = {} }: { readonly counts?: boolean; readonly twist?: Twist } = {},
): Promise<{ user: SignedIn; passkey: SoftPasskey; id: string }> {
  const user = await verifiedUser(world)
  const passkey = createSoftPasskey({ counts })
  const { status, body, text } = await register(world, user, passkey, twist)
  if (status !== 201) throw new Error(`registering a passkey answered ${status}: ${text}`)
  return { user, passkey, id: body.id }
}

export const signInOptions = async (world: World) => (await post(world, '/api/token/passkey/options/')).body

export const signInBy = (world: World, assertion: object): Promise<Answer> =>
  post(world, '/api/token/passkey/', assertion)

/** Signs in by a passkey and fresh options. */
export const signIn = async (world: World, passkey: SoftPasskey, twist?: Twist): Promise<Answer> =>
  signInBy(world, passkey.sign(await signInOptions(world), twist))

/** Turns two factors on, without asking. */
export async function turnOnTwoFactors(world: World, { id }: SignedIn): Promise<void> {
  const set = { twoFactorSince: world.clock.now() }
  await world.latchkey.foundation.db.updateTable('users').set(set).where('id', '=', id).execute()
}

/** The second-factor token of a sign-in by password. */
export async function candidate(world: World, user: SignedIn): Promise<string> {
  const { body } = await world.signIn(user)
  if (body.second_factor?.required !== true) throw new Error('no second step was asked for')
  return body.access
}

export const stepOptions = (world: World, token: string): Promise<Answer> =>
  post(world, '/api/passkeys/verify/options/', undefined, token)

export const stepBy = (world: World, token: string, assertion: object): Promise<Answer> =>
  post(world, '/api/passkeys/verify/', assertion, token)

/** Passes the second step by a passkey and fresh options. */
export async function passStep(world: World, token: string, passkey: SoftPasskey, twist?: Twist): Promise<Answer> {
  const { body: options } = await stepOptions(world, token)
  return stepBy(world, token, passkey.sign(options, twist))
}
