import type { Secret } from '../kernel/secret.ts'
import type { Database } from './schema.ts'

const FINGERPRINT = 'secret_fingerprint'

/**
 * Ties a database to the secret its rows are sealed and hashed under. `bound`: it was tied to this one just now, being
 * new. `same`: it was already. `different`: nothing in it can be read with this secret, so the server must not start.
 */
export async function bindSecret(db: Database, secret: Secret): Promise<'bound' | 'same' | 'different'> {
  const value = fingerprintOf(secret)
  const bound = await db
    .insertInto('meta')
    .values({ key: FINGERPRINT, value })
    .onConflict((conflict) => conflict.column('key').doNothing())
    .returning('key')
    .executeTakeFirst()
  if (bound) return 'bound'
  return (await isBoundTo(db, secret)) ? 'same' : 'different'
}

/** Tells one secret from another and says nothing of it. */
export const fingerprintOf = (secret: Secret): string => Buffer.from(secret.key('fingerprint')).toString('hex')

/** Whether it is this secret that the database is tied to. */
export async function isBoundTo(db: Database, secret: Secret): Promise<boolean> {
  const row = await db.selectFrom('meta').select('value').where('key', '=', FINGERPRINT).executeTakeFirst()
  return row?.value === fingerprintOf(secret)
}

/** Ties the database to another secret. To be called in the transaction that made everything in it fit that one. */
export async function rebindSecret(db: Database, from: Secret, to: Secret): Promise<boolean> {
  const rebound = await db
    .updateTable('meta')
    .set({ value: fingerprintOf(to) })
    .where('key', '=', FINGERPRINT)
    .where('value', '=', fingerprintOf(from))
    .returning('key')
    .executeTakeFirst()
  return rebound !== undefined
}

/** Whether the database is tied to a secret already: false only for a new one. */
export async function isBoundToSecret(db: Database): Promise<boolean> {
  const row = await db.selectFrom('meta').select('key').where('key', '=', FINGERPRINT).executeTakeFirst()
  return row !== undefined
}
