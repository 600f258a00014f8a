import type { ColumnDefinitionBuilder, Kysely } from 'kysely'
import type { Columns } from '../columns.ts'

/** Registrations that wait for the code mailed to their address, where registering answers alike for every address. */
export async function up(db: Kysely<unknown>, columns: Columns): Promise<void> {
  await db.schema
    .createTable('pendingRegistrations')
    .addColumn('id', columns.uuid, primary)
    .addColumn('emailKey', 'text', required)
    .addColumn('asker', columns.uuid, required)
    .addColumn('email', 'text', required)
    .addColumn('passwordHash', 'text', required)
    .addColumn('firstName', 'text', required)
    .addColumn('lastName', 'text', required)
    .addColumn('codeHash', columns.bytes, required)
    .addColumn('tries', 'integer', countFromZero)
    .addColumn('triesElsewhere', 'integer', countFromZero)
    .addColumn('createdAt', 'timestamptz', required)
    .addColumn('expiresAt', 'timestamptz', required)
    .addColumn('consumedAt', 'timestamptz')
    .addUniqueConstraint('pendingRegistrationsBinding', ['emailKey', 'asker'])
    .execute()
  await db.schema.createIndex('pendingRegistrationsExpiry').on('pendingRegistrations').column('expiresAt').execute()
}

const required = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => column.notNull()
const primary = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => column.notNull().primaryKey()
const countFromZero = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => column.notNull().defaultTo(0)
