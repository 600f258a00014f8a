import type { Database } from '../../database/schema.ts'
import type { Random } from '../../kernel/random.ts'
import { seal, type Secret, unseal } from '../../kernel/secret.ts'
import type { Ordering, Place, UserFilter } from './list-store.ts'
import { sliceBeyond } from './pages.ts'
import type { User } from './store.ts'

/** Which way a page lies of a place. */
interface Cursor {
  readonly way: 'next' | 'previous'
  readonly place: Place
}

/** Cursors of one ordering. Sealed, since an e-mail address is no part of a URL; nobody can make one up either. */
export interface Cursors {
  write(cursor: Cursor): string
  /** Undefined for what was not written here, or for another ordering. */
  read(text: string): Cursor | undefined
}

export function cursorsOf(
  { secret, random }: { readonly secret: Secret; readonly random: Random },
  { by, direction }: Ordering,
): Cursors {
  const key = secret.key('list-cursor')
  const context = `users ${by} ${direction}`
  return {
    write: (cursor) =>
      Buffer.from(seal(key, Buffer.from(JSON.stringify(cursor)), context, random)).toString('base64url'),
    read(text) {
      const plain = unseal(key, Buffer.from(text, 'base64url'), context)
      return plain && (JSON.parse(Buffer.from(plain).toString()) as Cursor)
    },
  }
}

/** A page without a count: what stands before it may change, and nobody is shown twice or left out for it. */
export interface CursorPage {
  readonly users: readonly User[]
  /** Undefined: no page lies there. */
  readonly next: Cursor | undefined
  readonly previous: Cursor | undefined
}

export async function pageBeside(
  db: Database,
  filter: UserFilter,
  ordering: Ordering,
  { limit, cursor }: { readonly limit: number; readonly cursor: Cursor | undefined },
): Promise<CursorPage> {
  const isBack = cursor?.way === 'previous'
  const direction = isBack === (ordering.direction === 'asc') ? 'desc' : 'asc'
  // One more than shown tells whether another page lies beyond.
  const found = await sliceBeyond(db, filter, { ...ordering, direction }, { limit: limit + 1, beyond: cursor?.place })
  const isMore = found.length > limit
  const shown = found.slice(0, limit)
  const users = isBack ? shown.toReversed() : shown
  const [first, last] = [users[0], users.at(-1)]
  const place = (user: User): Place => (ordering.by === 'email' ? user.emailKey : user.id)
  return {
    users,
    next: last && (isBack || isMore) ? { way: 'next', place: place(last) } : undefined,
    previous: first && cursor && (!isBack || isMore) ? { way: 'previous', place: place(first) } : undefined,
  }
}
