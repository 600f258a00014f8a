import { sql, type ColumnDefinitionBuilder, type Kysely } from 'kysely'
import type { Columns } from '../columns.ts'

/** Accounts, their sessions and codes, the outbox and the counters of failures. */
export async function up(db: Kysely<unknown>, columns: Columns): Promise<void> {
  await createMeta(db)
  await createUsers(db, columns)
  await createSessions(db, columns)
  await createChallenges(db, columns)
  await createChannelFailures(db, columns)
  await createDeliveries(db, columns)
  await createDevices(db, columns)
  await createSignInFailures(db)
}

const required = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => column.notNull()
const primary = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => column.notNull().primaryKey()
const countFromZero = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => column.notNull().defaultTo(0)
const ofUser = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder =>
  column.notNull().references('users.id').onDelete('cascade')

async function createMeta(db: Kysely<unknown>): Promise<void> {
  await db.schema.createTable('meta').addColumn('key', 'text', primary).addColumn('value', 'text', required).execute()
}

async function createUsers(db: Kysely<unknown>, columns: Columns): Promise<void> {
  await db.schema
    .createTable('users')
    .addColumn('id', columns.countedId, (column) => columns.counted(column))
    .addColumn('email', 'text', required)
    .addColumn('emailKey', 'text', required)
    .addColumn('mailboxKey', 'text')
    .addColumn('passwordHash', 'text', required)
    .addColumn('firstName', 'text', required)
    .addColumn('lastName', 'text', required)
    .addColumn('phone', 'text')
    .addColumn('birthday', 'text')
    .addColumn('gender', 'text')
    .addColumn('language', 'text')
    .addColumn('emailVerifiedAt', 'timestamptz')
    .addColumn('phoneVerifiedAt', 'timestamptz')
    .addColumn('pendingEmail', 'text')
    .addColumn('pendingPhone', 'text')
    .addColumn('adminSince', 'timestamptz')
    .addColumn('deactivatedAt', 'timestamptz')
    .addColumn('createdAt', 'timestamptz', required)
    .addCheckConstraint('usersBirthday', sql`birthday like '____-__-__'`)
    .addCheckConstraint('usersGender', sql`gender in ('M', 'F')`)
    .addCheckConstraint('usersLanguage', sql`language in ('en', 'fa')`)
    .addCheckConstraint('usersVerifiedPhone', sql`phone is not null or phone_verified_at is null`)
    .execute()
  await db.schema.createIndex('usersEmailKey').unique().on('users').column('emailKey').execute()
  await db.schema.createIndex('usersMailboxKey').unique().on('users').column('mailboxKey').execute()
  await db.schema
    .createIndex('usersPhone')
    .unique()
    .on('users')
    .column('phone')
    .where(sql.ref('phoneVerifiedAt'), 'is not', null)
    .execute()
}

async function createSessions(db: Kysely<unknown>, columns: Columns): Promise<void> {
  await db.schema
    .createTable('sessions')
    .addColumn('id', columns.uuid, primary)
    .addColumn('userId', columns.countedId, ofUser)
    .addColumn('generation', 'integer', countFromZero)
    .addColumn('rotatedAt', 'timestamptz', required)
    .addColumn('createdAt', 'timestamptz', required)
    .addColumn('authenticatedAt', 'timestamptz', required)
    .addColumn('lastUsedAt', 'timestamptz', required)
    .addColumn('idleExpiresAt', 'timestamptz', required)
    .addColumn('expiresAt', 'timestamptz', required)
    .addColumn('endedAt', 'timestamptz')
    .addColumn('endReason', 'text')
    .addColumn('acr', 'text', required)
    .addColumn('amr', 'text', required)
    .addColumn('emailProvenAt', 'timestamptz')
    .addColumn('phoneProvenAt', 'timestamptz')
    .addColumn('ip', 'text', required)
    .addColumn('userAgent', 'text', required)
    .addCheckConstraint('sessionsAcr', sql`acr in ('aal1', 'aal2')`)
    .execute()
  await db.schema.createIndex('sessionsUser').on('sessions').column('userId').execute()
  await db.schema.createIndex('sessionsExpiry').on('sessions').column('expiresAt').execute()
}

async function createChallenges(db: Kysely<unknown>, columns: Columns): Promise<void> {
  await db.schema
    .createTable('challenges')
    .addColumn('id', columns.uuid, primary)
    .addColumn('userId', columns.countedId, ofUser)
    // No foreign key: sessions are not the only ones who ask.
    .addColumn('asker', columns.uuid, required)
    .addColumn('channel', 'text', required)
    .addColumn('address', 'text', required)
    .addColumn('purpose', 'text', required)
    .addColumn('codeHash', columns.bytes, required)
    .addColumn('tries', 'integer', countFromZero)
    .addColumn('createdAt', 'timestamptz', required)
    .addColumn('expiresAt', 'timestamptz', required)
    .addColumn('consumedAt', 'timestamptz')
    .addCheckConstraint('challengesChannel', sql`channel in ('email', 'phone')`)
    .addCheckConstraint('challengesPurpose', sql`purpose in ('verification', 'address_change')`)
    .addUniqueConstraint('challengesBinding', ['userId', 'asker', 'channel', 'address', 'purpose'])
    .execute()
  await db.schema.createIndex('challengesAsker').on('challenges').column('asker').execute()
}

async function createChannelFailures(db: Kysely<unknown>, columns: Columns): Promise<void> {
  await db.schema
    .createTable('channelFailures')
    .addColumn('userId', columns.countedId, ofUser)
    .addColumn('channel', 'text', required)
    .addColumn('purpose', 'text', required)
    .addColumn('failures', 'integer', required)
    .addPrimaryKeyConstraint('channelFailuresKey', ['userId', 'channel', 'purpose'])
    .addCheckConstraint('channelFailuresChannel', sql`channel in ('email', 'phone')`)
    .execute()
}

async function createDeliveries(db: Kysely<unknown>, columns: Columns): Promise<void> {
  await db.schema
    .createTable('deliveries')
    .addColumn('id', columns.uuid, primary)
    .addColumn('channel', 'text', required)
    .addColumn('userId', columns.countedId, (column) => column.references('users.id').onDelete('set null'))
    .addColumn('template', 'text', required)
    .addColumn('sealed', columns.bytes)
    .addColumn('deadline', 'timestamptz', required)
    .addColumn('status', 'text', required)
    .addColumn('attempts', 'integer', countFromZero)
    .addColumn('nextAttemptAt', 'timestamptz', required)
    .addColumn('leasedUntil', 'timestamptz')
    .addColumn('gateway', 'text')
    .addColumn('gatewayId', 'text')
    .addColumn('reason', 'text')
    .addColumn('createdAt', 'timestamptz', required)
    .addColumn('finishedAt', 'timestamptz')
    .addCheckConstraint('deliveriesChannel', sql`channel in ('email', 'sms')`)
    .addCheckConstraint('deliveriesStatus', sql`status in ('queued', 'sent', 'dead')`)
    // What is no longer to be sent must be gone: the message holds a code.
    .addCheckConstraint('deliveriesWiped', sql`status = 'queued' or sealed is null`)
    .execute()
  await db.schema.createIndex('deliveriesDue').on('deliveries').columns(['status', 'nextAttemptAt']).execute()
  await db.schema.createIndex('deliveriesUser').on('deliveries').column('userId').execute()
}

async function createDevices(db: Kysely<unknown>, columns: Columns): Promise<void> {
  await db.schema
    .createTable('devices')
    .addColumn('id', columns.uuid, primary)
    .addColumn('userId', columns.countedId, ofUser)
    .addColumn('valueHash', columns.bytes, required)
    .addColumn('createdAt', 'timestamptz', required)
    .addColumn('lastUsedAt', 'timestamptz', required)
    .addUniqueConstraint('devicesValue', ['valueHash'])
    .execute()
  await db.schema.createIndex('devicesUser').on('devices').column('userId').execute()
}

async function createSignInFailures(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('signInFailures')
    .addColumn('subject', 'text', primary)
    .addColumn('failures', 'integer', required)
    .addColumn('lastFailedAt', 'timestamptz', required)
    .addColumn('blockedUntil', 'timestamptz')
    .execute()
}
