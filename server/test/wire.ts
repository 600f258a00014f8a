import type { Session } from '../src/features/sessions/service.ts'
import type { Answer, World } from './world.ts'

/** What a token says, unproven: header and payload as JSON, members in the order they came. */
export function readToken(token: string): { header: Record<string, unknown>; payload: Record<string, unknown> } {
  const [header, payload] = token
    .split('.')
    .slice(0, 2)
    .map((segment) => JSON.parse(Buffer.from(segment, 'base64url').toString()))
  return { header, payload }
}

export const sessionIdOf = (token: string): string => String(readToken(token).payload['sid'])

export const sessionOf = (world: World, token: string): Promise<Session | undefined> =>
  world.latchkey.foundation.db
    .selectFrom('sessions')
    .selectAll()
    .where('id', '=', sessionIdOf(token))
    .executeTakeFirst()

/** Status and body without what is new in each answer: two of these are equal when nobody can tell the answers apart. */
export const sameButForItsId = ({ status, text, headers }: Answer): unknown => ({
  status,
  text: text.replace(/"request_id":"[^"]+"/, '"request_id":"…"'),
  headers: Object.keys(headers).toSorted(),
})

/** The same thing so many times at once. */
export const atOnce = <T>(count: number, act: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => act(index)))

/** The same thing so many times, one after the other. */
export async function inTurn<T>(count: number, act: (index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = []
  for (let index = 0; index < count; index++) results.push(await act(index))
  return results
}

/** How often each status was answered. */
export function statuses(answers: readonly Answer[]): Record<number, number> {
  const counts: Record<number, number> = {}
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1
  return counts
}

/** Resolves once the condition holds, asked at every turn of the event loop. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}

/** How many password hashes were made or compared by an act. */
export async function hashesOf(world: World, act: () => Promise<unknown>): Promise<number> {
  const before = world.latchkey.passwords.load().done
  await act()
  return world.latchkey.passwords.load().done - before
}
