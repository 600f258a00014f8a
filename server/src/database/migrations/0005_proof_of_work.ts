import type { Kysely } from 'kysely'

/** Proofs of work that were taken. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('usedProofs')
    .addColumn('challenge', 'text', (column) => column.notNull().primaryKey())
    .addColumn('expiresAt', 'timestamptz', (column) => column.notNull())
    .execute()
  await db.schema.createIndex('usedProofsExpiry').on('usedProofs').column('expiresAt').execute()
}
