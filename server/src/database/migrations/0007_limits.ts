import type { ColumnDefinitionBuilder, Kysely } from 'kysely'
import type { Columns } from '../columns.ts'

/** From where users signed in of late, and how many sign-ins failed from one address. */
export async function up(db: Kysely<unknown>, columns: Columns): Promise<void> {
  await db.schema
    .createTable('knownNetworks')
    .addColumn('userId', columns.countedId, (column) => column.notNull().references('users.id').onDelete('cascade'))
    .addColumn('network', 'text', required)
    .addColumn('signedInAt', 'timestamptz', required)
    .addPrimaryKeyConstraint('knownNetworksKey', ['userId', 'network'])
    .execute()
  await db.schema.createIndex('knownNetworksAge').on('knownNetworks').column('signedInAt').execute()
  await db.schema
    .createTable('addressFailures')
    .addColumn('address', 'text', (column) => column.notNull().primaryKey())
    .addColumn('failures', 'integer', required)
    .addColumn('endsAt', 'timestamptz', required)
    .addColumn('sustainedFailures', 'integer', required)
    .addColumn('sustainedEndsAt', 'timestamptz', required)
    .execute()
  await db.schema.createIndex('addressFailuresEnd').on('addressFailures').column('sustainedEndsAt').execute()
}

const required = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => column.notNull()
