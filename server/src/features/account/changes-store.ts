import type { Insertable, Selectable } from 'kysely'
import { bitByBit } from '../../database/bit-by-bit.ts'
import type { AddressChangesTable, Database } from '../../database/schema.ts'

export type AddressChange = Readonly<Selectable<AddressChangesTable>>
type Channel = AddressChange['channel']

export async function insert(db: Database, change: Insertable<AddressChangesTable>): Promise<void> {
  await db.insertInto('addressChanges').values(change).execute()
}

/** When the user's latest change began, of those that can still be undone. */
export async function latestBeginning(db: Database, userId: number): Promise<Date | undefined> {
  const latest = await db
    .selectFrom('addressChanges')
    .select('createdAt')
    .where('userId', '=', userId)
    .where('endedAt', 'is', null)
    .orderBy('createdAt', 'desc')
    .limit(1)
    .executeTakeFirst()
  return latest?.createdAt
}

/** Changes the one change of this channel that waits for its code; undefined when none does. */
export const updateWaiting = (
  db: Database,
  userId: number,
  channel: Channel,
  set: Partial<Pick<AddressChange, 'newAddress' | 'completedAt' | 'undoUntil' | 'endedAt'>>,
): Promise<AddressChange | undefined> =>
  db
    .updateTable('addressChanges')
    .set(set)
    .where('userId', '=', userId)
    .where('channel', '=', channel)
    .where('completedAt', 'is', null)
    .where('endedAt', 'is', null)
    .returningAll()
    .executeTakeFirst()

export async function replaceLink(db: Database, id: string, linkHash: Uint8Array): Promise<void> {
  await db.updateTable('addressChanges').set({ linkHash }).where('id', '=', id).execute()
}

/** Whose change a link undoes, whether or not it still can. */
export async function ownerOf(db: Database, linkHash: Uint8Array): Promise<number | undefined> {
  const change = await db
    .selectFrom('addressChanges')
    .select('userId')
    .where('linkHash', '=', linkHash)
    .executeTakeFirst()
  return change?.userId
}

/** Takes the one undo there is. Undefined for all but one, and once it is too late (invariant I4). */
export const take = (db: Database, linkHash: Uint8Array, now: Date): Promise<AddressChange | undefined> =>
  db
    .updateTable('addressChanges')
    .set({ endedAt: now })
    .where('linkHash', '=', linkHash)
    .where('endedAt', 'is', null)
    .where((where) => where.or([where('completedAt', 'is', null), where('undoUntil', '>', now)]))
    .returningAll()
    .executeTakeFirst()

/** Ends this user's changes that wait and those begun or made since then; gives them in the order they began. */
export async function endWaitingAndSince(
  db: Database,
  userId: number,
  since: Date,
  now: Date,
): Promise<readonly AddressChange[]> {
  const ended = await db
    .updateTable('addressChanges')
    .set({ endedAt: now })
    .where('userId', '=', userId)
    .where('endedAt', 'is', null)
    .where((where) =>
      where.or([where('completedAt', 'is', null), where('createdAt', '>=', since), where('completedAt', '>=', since)]),
    )
    .returningAll()
    .execute()
  return ended.toSorted((a, b) => a.createdAt.getTime() - b.createdAt.getTime())
}

/** Removes what nobody can undo any more. */
export async function removeOver(db: Database, now: Date): Promise<void> {
  const changes = db.selectFrom('addressChanges').select('id')
  const remove = (over: typeof changes) =>
    bitByBit((limit) => db.deleteFrom('addressChanges').where('id', 'in', over.limit(limit)).executeTakeFirst())
  await remove(changes.where('endedAt', 'is not', null))
  await remove(changes.where('completedAt', 'is not', null).where('undoUntil', '<=', now))
}
