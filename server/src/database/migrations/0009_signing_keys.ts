import { sql, type Kysely } from 'kysely'

/** The sealed signing keys of several hosts: one row, which whoever changes them locks. Not used with SQLite. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('signingKeys')
    .addColumn('id', 'integer', (column) => column.notNull().primaryKey())
    .addColumn('sealed', 'text')
    .addColumn('revision', 'integer', (column) => column.notNull())
    .addCheckConstraint('signingKeysOneRow', sql`id = 1`)
    .execute()
}
