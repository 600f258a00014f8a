import type { Insertable, Selectable } from 'kysely'
import type { Database, PasskeysTable } from '../../database/schema.ts'

export type Passkey = Readonly<Selectable<PasskeysTable>>

export const listOf = (db: Database, userId: number): Promise<Passkey[]> =>
  db.selectFrom('passkeys').selectAll().where('userId', '=', userId).orderBy('id').execute()

export const findByCredential = (db: Database, credentialId: string): Promise<Passkey | undefined> =>
  db.selectFrom('passkeys').selectAll().where('credentialId', '=', credentialId).executeTakeFirst()

/** Undefined when somebody has this credential already: asked and taken in one statement. */
export const insert = (db: Database, passkey: Insertable<PasskeysTable>): Promise<Passkey | undefined> =>
  db
    .insertInto('passkeys')
    .values(passkey)
    .onConflict((conflict) => conflict.doNothing())
    .returningAll()
    .executeTakeFirst()

/**
 * Notes a use. Undefined when the passkey is gone or its counter does not go on: an authenticator either counts every use
 * or none (WebAuthn Level 3 §6.1.1), so one that stands still or goes back is most likely a copy.
 */
export const recordUse = (
  db: Database,
  { id, signCount, isBackedUp, now }: Pick<Passkey, 'id' | 'signCount' | 'isBackedUp'> & { readonly now: Date },
): Promise<Passkey | undefined> =>
  db
    .updateTable('passkeys')
    .set({ signCount, isBackedUp, lastUsedAt: now })
    .where('id', '=', id)
    .where('signCount', signCount === 0 ? '=' : '<', signCount)
    .returningAll()
    .executeTakeFirst()

/** Undefined when the user has no such passkey. */
export const rename = (
  db: Database,
  { id, userId }: Pick<Passkey, 'id' | 'userId'>,
  name: string,
): Promise<Passkey | undefined> =>
  db
    .updateTable('passkeys')
    .set({ name })
    .where('id', '=', id)
    .where('userId', '=', userId)
    .returningAll()
    .executeTakeFirst()

/** Undefined when the user has no such passkey. */
export const remove = (db: Database, { id, userId }: Pick<Passkey, 'id' | 'userId'>): Promise<Passkey | undefined> =>
  db.deleteFrom('passkeys').where('id', '=', id).where('userId', '=', userId).returningAll().executeTakeFirst()

/** Removes those of the user, or only those added since a moment; tells how many. */
export async function removeAll(db: Database, userId: number, since?: Date): Promise<number> {
  let query = db.deleteFrom('passkeys').where('userId', '=', userId)
  if (since) query = query.where('createdAt', '>=', since)
  return (await query.returning('id').execute()).length
}
