import type { ColumnDefinitionBuilder, Kysely } from 'kysely'
import type { Columns } from '../columns.ts'

const required = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => column.notNull()

/** What requests with an `Idempotency-Key` were answered. */
export async function up(db: Kysely<unknown>, columns: Columns): Promise<void> {
  await db.schema
    .createTable('idempotentAnswers')
    .addColumn('id', 'text', (column) => column.notNull().primaryKey())
    .addColumn('bodyHash', columns.bytes, required)
    .addColumn('claim', columns.uuid, required)
    .addColumn('claimedUntil', 'timestamptz', required)
    .addColumn('sealed', columns.bytes)
    .addColumn('expiresAt', 'timestamptz', required)
    .execute()
  await db.schema.createIndex('idempotentAnswersExpiry').on('idempotentAnswers').column('expiresAt').execute()
}
