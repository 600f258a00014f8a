import type { Database } from '../../database/schema.ts'
import type { KeyStorage } from './key-store.ts'

const ONLY = 1

/** Keeps the keys in the database, for servers on several hosts. */
export function databaseKeyStorage(db: Database): KeyStorage {
  return {
    place: 'in the database',
    read: async () => (await rowOf(db))?.sealed ?? undefined,
    revision: async () => String((await rowOf(db))?.revision ?? 'none'),
    update: (change) => db.transaction().execute((db) => updateIn(db, change)),
  }
}

const rowOf = (db: Database) =>
  db.selectFrom('signingKeys').select(['sealed', 'revision']).where('id', '=', ONLY).executeTakeFirst()

async function updateIn(db: Database, change: (text: string | undefined) => Promise<string>): Promise<string> {
  const { sealed, revision } = await lockedRow(db)
  const changed = await change(sealed ?? undefined)
  if (changed !== sealed) {
    const set = { sealed: changed, revision: revision + 1 }
    await db.updateTable('signingKeys').set(set).where('id', '=', ONLY).execute()
  }
  return changed
}

/** Locked until the transaction ends, there before or not. */
async function lockedRow(db: Database) {
  const row = { id: ONLY, sealed: null, revision: 0 }
  await db
    .insertInto('signingKeys')
    .values(row)
    .onConflict((conflict) => conflict.column('id').doNothing())
    .execute()
  return db
    .updateTable('signingKeys')
    .set((now) => ({ revision: now.ref('revision') }))
    .where('id', '=', ONLY)
    .returning(['sealed', 'revision'])
    .executeTakeFirstOrThrow()
}
