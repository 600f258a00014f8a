import { codeFor, PHONE, sendCode, setPhone, verifyCode } from './codes.ts'
import { succeeded } from './factors.ts'
import type { Answer, SignedIn, World } from './world.ts'

/** Proves the address on file. */
export async function verifyEmail(world: World, user: SignedIn): Promise<void> {
  succeeded(await verifyCode(world, user, await codeFor(world, user, 'email')))
}

export async function verifyPhone(world: World, user: SignedIn, phone: string = PHONE): Promise<void> {
  succeeded(await setPhone(world, user, phone))
  succeeded(await sendCode(world, user, 'phone'))
  succeeded(await verifyCode(world, user, await world.codeTo(phone)))
}

export const change = (world: World, { access: token }: Pick<SignedIn, 'access'>, body: unknown) =>
  world.call('PATCH', '/api/users/me/', { token, body })

/** Asks for another address in place of a verified one, and proves it. */
export async function move(world: World, user: SignedIn, to: { email: string } | { phone: string }): Promise<void> {
  succeeded(await change(world, user, to))
  succeeded(await verifyCode(world, user, await world.codeTo(Object.values(to)[0] as string)))
}

export const me = async (world: World, { access: token }: Pick<SignedIn, 'access'>) =>
  (await world.call('GET', '/api/users/me/', { token })).body

/** The tokens of the undo links that an address was sent, newest first. */
export async function undoTokensTo(world: World, address: string): Promise<string[]> {
  const texts = (await world.inbox(address)).map(({ text }) => text)
  return texts.flatMap((text) => /\/account\/undo\/#([\w-]+)/.exec(text)?.[1] ?? [])
}

export const undo = (world: World, token: unknown) => world.call('POST', '/api/account/undo/', { body: { token } })

/** What an answer of the undo says: HTTP status, and what it did or why it did not. */
export const undoSaid = ({ status, body }: Answer): unknown[] => [status, body.outcome ?? body.code, body.channel]

export const UNDO_INVALID = [400, 'undo_invalid', undefined]
