import { expect } from 'vitest'
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

/** The user's row. */
export const rowOf = (world: World, userId: number) =>
  world.latchkey.foundation.db.selectFrom('users').selectAll().where('id', '=', userId).executeTakeFirstOrThrow()

/** What is on record of a user, in the order it happened: type and details. */
export async function eventsOf(world: World, userId: number): Promise<[type: string, details: unknown][]> {
  const events = world.latchkey.foundation.db.selectFrom('auditEvents').select(['type', 'details'])
  const found = await events.where('userId', '=', userId).orderBy('id').execute()
  return found.map(({ type, details }) => [type, JSON.parse(details)])
}

export const subjectsTo = async (world: World, address: string) =>
  (await world.inbox(address)).map(({ subject }) => subject)

/** The user in a session of a new sign-in. */
export async function signInAgain(world: World, user: SignedIn): Promise<SignedIn> {
  const answer = await world.signIn(user)
  succeeded(answer)
  return { ...user, ...answer.body }
}

/** The token of the one undo link that an address was sent. */
export async function onlyUndoTo(world: World, address: string): Promise<string> {
  const tokens = await undoTokensTo(world, address)
  expect(tokens).toHaveLength(1)
  return tokens[0]!
}
