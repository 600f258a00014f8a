import type { Database } from '../../database/schema.ts'
import type { Checkpoint, Link, StoredEvent } from './chain.ts'

/**
 * The SQL of the chain: the only statements that change or remove an event (`append-only.test.ts`), asked for by the sealer,
 * by retention and by a change of the secret.
 */

export async function countUnsealed(db: Database): Promise<number> {
  const { count } = await db
    .selectFrom('auditEvents')
    .select((select) => select.fn.countAll<number>().as('count'))
    .where('number', 'is', null)
    .executeTakeFirstOrThrow()
  return Number(count)
}

export async function hasUnsealed(db: Database): Promise<boolean> {
  return (await unsealed(db, 1)).length > 0
}

export const unsealed = (db: Database, limit: number): Promise<StoredEvent[]> =>
  db.selectFrom('auditEvents').selectAll().where('number', 'is', null).orderBy('id').limit(limit).execute()

/** The sealed events behind a place in the chain, in its order. */
export const sealedAfter = (db: Database, number: number, limit: number): Promise<StoredEvent[]> =>
  db.selectFrom('auditEvents').selectAll().where('number', '>', number).orderBy('number').limit(limit).execute()

/** A sealed event at or before a place where none should be left. */
export const sealedBefore = (db: Database, number: number): Promise<StoredEvent | undefined> =>
  db.selectFrom('auditEvents').selectAll().where('number', '<=', number).orderBy('number').executeTakeFirst()

export const findSealed = (db: Database, number: number): Promise<StoredEvent | undefined> =>
  db.selectFrom('auditEvents').selectAll().where('number', '=', number).executeTakeFirst()

const lastSealed = (db: Database): Promise<StoredEvent | undefined> =>
  db
    .selectFrom('auditEvents')
    .selectAll()
    .where('number', 'is not', null)
    .orderBy('number', 'desc')
    .limit(1)
    .executeTakeFirst()

/** The end of the chain; undefined while nothing was ever sealed. */
export async function lastLink(db: Database): Promise<Link | undefined> {
  const event = await lastSealed(db)
  if (event?.number && event.mac) return { number: event.number, mac: event.mac }
  return newestCheckpoint(db)
}

/** False when it is sealed already, or gone. */
export async function seal(db: Database, id: string, link: Link): Promise<boolean> {
  const sealed = await db
    .updateTable('auditEvents')
    .set({ number: link.number, mac: link.mac })
    .where('id', '=', id)
    .where('number', 'is', null)
    .returning('id')
    .executeTakeFirst()
  return sealed !== undefined
}

/** Gives a sealed event another place. */
export async function sealAnew(db: Database, id: string, link: Link): Promise<void> {
  await db.updateTable('auditEvents').set({ number: link.number, mac: link.mac }).where('id', '=', id).execute()
}

/** Puts what stands where none should be left back among what waits to be sealed. */
export async function unsealUpTo(db: Database, number: number): Promise<void> {
  await db.updateTable('auditEvents').set({ number: null, mac: null }).where('number', '<=', number).execute()
}

export async function removeUpTo(db: Database, number: number): Promise<void> {
  await db.deleteFrom('auditEvents').where('number', '<=', number).execute()
}

export const newestCheckpoint = (db: Database): Promise<Checkpoint | undefined> =>
  db.selectFrom('auditCheckpoints').selectAll().orderBy('number', 'desc').limit(1).executeTakeFirst()

/** In place of those before it: the chain goes on from the newest alone. */
export async function replaceCheckpoint(db: Database, checkpoint: Checkpoint, now: Date): Promise<void> {
  await db.deleteFrom('auditCheckpoints').execute()
  await db
    .insertInto('auditCheckpoints')
    .values({ ...checkpoint, createdAt: now })
    .execute()
}
