import type { Answer, SignedIn, World } from './world.ts'

export type Channel = 'email' | 'phone'

export const PHONE = '+989123456789'

export const sendCode = (world: World, { access: token }: Pick<SignedIn, 'access'>, channel: Channel = 'email') =>
  world.call('POST', '/api/otp/send/', { token, body: { email_or_phone: channel } })

export const verifyCode = (world: World, { access: token }: Pick<SignedIn, 'access'>, code: unknown) =>
  world.call('POST', '/api/otp/verify/', { token, body: { code } })

/** A code, asked for and read. */
export async function codeFor(world: World, user: SignedIn, channel: Channel = 'email', to?: string): Promise<string> {
  const sent = await sendCode(world, user, channel)
  if (sent.status !== 200) throw new Error(`sending answered ${sent.status}: ${sent.text}`)
  return world.codeTo(to ?? (channel === 'email' ? user.email : PHONE))
}

export const setPhone = (world: World, { access: token }: Pick<SignedIn, 'access'>, phone: string = PHONE) =>
  world.call('PATCH', '/api/users/me/', { token, body: { phone } })

/** So many codes that are none of these. */
export function otherCodes(count: number, ...codes: readonly string[]): string[] {
  const others: string[] = []
  for (let code = 500_000; others.length < count; code++) if (!codes.includes(String(code))) others.push(String(code))
  return others
}

export const WRONG = [400, 'Invalid Code', 'otp_invalid']
export const RIGHT = [200, 'User has Verified', undefined]
export const NOTHING_LEFT = [400, 'User has Verified already', 'already_verified']

/** What an answer of the code operations says: HTTP status, the origin's text, the machine's code. */
export const said = ({ status, body }: Answer): unknown[] => [status, body.status, body.code]
