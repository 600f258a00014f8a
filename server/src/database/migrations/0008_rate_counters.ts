import type { ColumnDefinitionBuilder, Kysely } from 'kysely'

/** How often what was asked for, in the window that runs. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('rateCounters')
    .addColumn('subject', 'text', (column) => column.notNull().primaryKey())
    .addColumn('count', 'integer', required)
    .addColumn('endsAt', 'timestamptz', required)
    .execute()
  await db.schema.createIndex('rateCountersEnd').on('rateCounters').column('endsAt').execute()
}

const required = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => column.notNull()
