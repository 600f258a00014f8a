import { sql, type ColumnDefinitionBuilder, type Kysely } from 'kysely'
import type { Columns } from '../columns.ts'

/** Second factors, sign-ins that wait for one, password mails, changes that can be undone, and the audit. */
export async function up(db: Kysely<unknown>, columns: Columns): Promise<void> {
  await extendUsers(db)
  await extendSessions(db)
  await createPendingSignIns(db, columns)
  await replaceChallenges(db, columns)
  await replaceChannelFailures(db, columns)
  await createTotps(db, columns)
  await createRecoveryCodes(db, columns)
  await createPasskeys(db, columns)
  await createPasswordTokens(db, columns)
  await createAddressChanges(db, columns)
  await createAudit(db, columns)
  await indexWhatGrows(db)
}

const required = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => column.notNull()
const primary = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => column.notNull().primaryKey()
const countFromZero = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => column.notNull().defaultTo(0)
const emptyBefore = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => column.notNull().defaultTo('')
const orNobodys = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder =>
  column.references('users.id').onDelete('cascade')
const ofUser = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => orNobodys(column).notNull()

async function extendUsers(db: Kysely<unknown>): Promise<void> {
  const moments = ['emailFirstProvenAt', 'firstSignedInAt', 'twoFactorSince', 'phoneSignInSince', 'passwordResetAt']
  for (const name of moments) {
    await db.schema.alterTable('users').addColumn(name, 'timestamptz').execute()
  }
  await sql`update users set email_first_proven_at = email_verified_at,
    first_signed_in_at = (select min(created_at) from sessions where user_id = users.id)`.execute(db)
}

async function extendSessions(db: Kysely<unknown>): Promise<void> {
  for (const name of ['device', 'network']) {
    await db.schema.alterTable('sessions').addColumn(name, 'text', emptyBefore).execute()
  }
  await sql`update sessions set network = ip where ip not like '%:%'`.execute(db)
}

async function createPendingSignIns(db: Kysely<unknown>, columns: Columns): Promise<void> {
  await db.schema
    .createTable('pendingSignIns')
    .addColumn('id', columns.uuid, primary)
    .addColumn('userId', columns.countedId, ofUser)
    .addColumn('needs', 'text', required)
    .addColumn('amr', 'text', required)
    .addColumn('channel', 'text')
    .addColumn('createdAt', 'timestamptz', required)
    .addColumn('expiresAt', 'timestamptz', required)
    .addColumn('endedAt', 'timestamptz')
    .addColumn('ip', 'text', required)
    .addColumn('userAgent', 'text', required)
    .addColumn('deviceId', columns.uuid)
    .addColumn('wantsDevice', 'boolean', required)
    .addCheckConstraint('pendingSignInsNeeds', sql`needs in ('second_factor', 'verification')`)
    .addCheckConstraint('pendingSignInsChannel', sql`channel in ('email', 'phone')`)
    .execute()
  await db.schema.createIndex('pendingSignInsUser').on('pendingSignIns').column('userId').execute()
  await db.schema.createIndex('pendingSignInsExpiry').on('pendingSignIns').column('expiresAt').execute()
}

/** The codes themselves are carried over: whoever was sent one just before the update enters it after. */
async function replaceChallenges(db: Kysely<unknown>, columns: Columns): Promise<void> {
  await sql`create table challenges_before as select * from challenges`.execute(db)
  await db.schema.dropTable('challenges').execute()
  await db.schema
    .createTable('challenges')
    .addColumn('id', columns.uuid, primary)
    .addColumn('userId', columns.countedId, orNobodys)
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
    .addCheckConstraint(
      'challengesPurpose',
      sql`purpose in ('verification', 'address_change', 'second_factor', 'reauthentication', 'sign_in')`,
    )
    .addUniqueConstraint('challengesBinding', ['asker', 'channel', 'address', 'purpose'])
    .execute()
  await db.schema.createIndex('challengesUser').on('challenges').column('userId').execute()
  await db.schema.createIndex('challengesExpiry').on('challenges').column('expiresAt').execute()
  const kept = sql`id, user_id, asker, channel, address, purpose, code_hash, tries, created_at, expires_at, consumed_at`
  await sql`insert into challenges (${kept}) select ${kept} from challenges_before`.execute(db)
  await db.schema.dropTable('challengesBefore').execute()
}

/** The counters themselves are carried over: what is locked stays locked. */
async function replaceChannelFailures(db: Kysely<unknown>, columns: Columns): Promise<void> {
  await db.schema
    .createTable('factorFailures')
    .addColumn('userId', columns.countedId, ofUser)
    .addColumn('method', 'text', required)
    .addColumn('purpose', 'text', required)
    .addColumn('failures', 'integer', required)
    .addPrimaryKeyConstraint('factorFailuresKey', ['userId', 'method', 'purpose'])
    .addCheckConstraint('factorFailuresMethod', sql`method in ('email', 'phone', 'totp', 'recovery_code', 'passkey')`)
    .execute()
  await sql`insert into factor_failures (user_id, method, purpose, failures)
    select user_id, channel, purpose, failures from channel_failures`.execute(db)
  await db.schema.dropTable('channelFailures').execute()
}

async function createTotps(db: Kysely<unknown>, columns: Columns): Promise<void> {
  await db.schema
    .createTable('totps')
    .addColumn('id', columns.uuid, primary)
    .addColumn('userId', columns.countedId, ofUser)
    .addColumn('sealedSecret', columns.bytes, required)
    .addColumn('createdAt', 'timestamptz', required)
    .addColumn('confirmedAt', 'timestamptz')
    .addColumn('lastStep', 'integer')
    .execute()
  const oneEach = (name: string) => db.schema.createIndex(name).unique().on('totps').column('userId')
  await oneEach('totpsConfirmed').where(sql.ref('confirmedAt'), 'is not', null).execute()
  await oneEach('totpsWaiting').where(sql.ref('confirmedAt'), 'is', null).execute()
}

async function createRecoveryCodes(db: Kysely<unknown>, columns: Columns): Promise<void> {
  await db.schema
    .createTable('recoveryCodes')
    .addColumn('id', columns.uuid, primary)
    .addColumn('userId', columns.countedId, ofUser)
    .addColumn('codeHash', columns.bytes, required)
    .addColumn('createdAt', 'timestamptz', required)
    .addColumn('usedAt', 'timestamptz')
    .addUniqueConstraint('recoveryCodesCode', ['userId', 'codeHash'])
    .execute()
}

async function createPasskeys(db: Kysely<unknown>, columns: Columns): Promise<void> {
  await db.schema
    .createTable('passkeys')
    .addColumn('id', columns.uuid, primary)
    .addColumn('userId', columns.countedId, ofUser)
    .addColumn('credentialId', 'text', required)
    .addColumn('publicKey', columns.bytes, required)
    .addColumn('userHandle', columns.bytes, required)
    // An authenticator counts in 32 bits without sign.
    .addColumn('signCount', columns.countedId, required)
    .addColumn('transports', 'text', required)
    .addColumn('isBackupEligible', 'boolean', required)
    .addColumn('isBackedUp', 'boolean', required)
    .addColumn('name', 'text', required)
    .addColumn('createdAt', 'timestamptz', required)
    .addColumn('lastUsedAt', 'timestamptz')
    .addUniqueConstraint('passkeysCredential', ['credentialId'])
    .execute()
  await db.schema.createIndex('passkeysUser').on('passkeys').column('userId').execute()
  await db.schema
    .createTable('usedPasskeyChallenges')
    .addColumn('challenge', 'text', primary)
    .addColumn('expiresAt', 'timestamptz', required)
    .execute()
}

async function createPasswordTokens(db: Kysely<unknown>, columns: Columns): Promise<void> {
  await db.schema
    .createTable('passwordTokens')
    .addColumn('id', columns.uuid, primary)
    .addColumn('userId', columns.countedId, orNobodys)
    .addColumn('purpose', 'text', required)
    .addColumn('subject', 'text', required)
    .addColumn('codeHash', columns.bytes, required)
    .addColumn('linkHash', columns.bytes, required)
    .addColumn('createdAt', 'timestamptz', required)
    .addColumn('expiresAt', 'timestamptz', required)
    .addColumn('consumedAt', 'timestamptz')
    .addCheckConstraint('passwordTokensPurpose', sql`purpose in ('reset', 'invitation')`)
    .addUniqueConstraint('passwordTokensLink', ['linkHash'])
    .execute()
  await db.schema.createIndex('passwordTokensUser').on('passwordTokens').column('userId').execute()
  await db.schema.createIndex('passwordTokensExpiry').on('passwordTokens').column('expiresAt').execute()
  await db.schema
    .createTable('passwordMails')
    .addColumn('subject', 'text', primary)
    .addColumn('sentAt', 'timestamptz', required)
    .execute()
  await db.schema.createIndex('passwordMailsSent').on('passwordMails').column('sentAt').execute()
}

async function createAddressChanges(db: Kysely<unknown>, columns: Columns): Promise<void> {
  await db.schema
    .createTable('addressChanges')
    .addColumn('id', columns.uuid, primary)
    .addColumn('userId', columns.countedId, ofUser)
    .addColumn('channel', 'text', required)
    .addColumn('oldAddress', 'text')
    .addColumn('oldVerifiedAt', 'timestamptz')
    .addColumn('newAddress', 'text')
    .addColumn('reservedKey', 'text')
    .addColumn('reservedMailboxKey', 'text')
    .addColumn('linkHash', columns.bytes, required)
    .addColumn('createdAt', 'timestamptz', required)
    .addColumn('completedAt', 'timestamptz')
    .addColumn('undoUntil', 'timestamptz', required)
    .addColumn('endedAt', 'timestamptz')
    .addCheckConstraint('addressChangesChannel', sql`channel in ('email', 'phone')`)
    .addUniqueConstraint('addressChangesLink', ['linkHash'])
    .execute()
  await db.schema.createIndex('addressChangesUser').on('addressChanges').column('userId').execute()
  await db.schema.createIndex('addressChangesReserved').on('addressChanges').column('reservedKey').execute()
  await db.schema.createIndex('addressChangesMailbox').on('addressChanges').column('reservedMailboxKey').execute()
}

/** For what clears away, and for questions that would else read all that a table or a user ever had. */
async function indexWhatGrows(db: Kysely<unknown>): Promise<void> {
  const index = (name: string, table: string) => db.schema.createIndex(name).on(table)
  // Ended sessions are remembered for a month, however many: of a user's only those that live are looked through.
  await index('sessionsLiving', 'sessions').column('userId').where(sql.ref('endedAt'), 'is', null).execute()
  await index('sessionsOrigin', 'sessions').columns(['userId', 'network', 'device']).execute()
  await db.schema.dropIndex('sessionsUser').execute()
  await index('totpsUser', 'totps').column('userId').execute()
  await index('usersAdmins', 'users').column('id').where(sql.ref('adminSince'), 'is not', null).execute()
  await index('usersUnverified', 'users')
    .column('id')
    .where(sql.ref('emailVerifiedAt'), 'is', null)
    .where(sql.ref('phoneVerifiedAt'), 'is', null)
    .where(sql.ref('emailFirstProvenAt'), 'is', null)
    .execute()
  await index('signInFailuresLast', 'signInFailures').column('lastFailedAt').execute()
  await index('deliveriesFinished', 'deliveries').column('finishedAt').execute()
  await index('usedPasskeyChallengesExpiry', 'usedPasskeyChallenges').column('expiresAt').execute()
  const changes = (name: string) => index(name, 'addressChanges')
  await changes('addressChangesEnded').column('id').where(sql.ref('endedAt'), 'is not', null).execute()
  await changes('addressChangesUndo').column('undoUntil').where(sql.ref('completedAt'), 'is not', null).execute()
}

async function createAudit(db: Kysely<unknown>, columns: Columns): Promise<void> {
  await db.schema
    .createTable('auditEvents')
    .addColumn('id', columns.uuid, primary)
    .addColumn('at', 'timestamptz', required)
    .addColumn('type', 'text', required)
    .addColumn('result', 'text', required)
    .addColumn('userId', columns.countedId)
    .addColumn('actor', 'text', required)
    .addColumn('actorId', columns.countedId)
    .addColumn('ip', 'text')
    .addColumn('device', 'text', required)
    .addColumn('requestId', 'text')
    .addColumn('details', 'text', required)
    .addColumn('number', columns.countedId)
    .addColumn('mac', columns.bytes)
    .addCheckConstraint('auditEventsResult', sql`result in ('success', 'failure')`)
    .addCheckConstraint('auditEventsActor', sql`actor in ('anonymous', 'user', 'operator', 'system')`)
    .addCheckConstraint('auditEventsSealed', sql`(number is null) = (mac is null)`)
    .execute()
  await db.schema.createIndex('auditEventsUser').on('auditEvents').columns(['userId', 'id']).execute()
  await db.schema.createIndex('auditEventsType').on('auditEvents').columns(['type', 'id']).execute()
  await db.schema.createIndex('auditEventsActor').on('auditEvents').columns(['actor', 'actorId', 'id']).execute()
  // Of what has a number alone: else SQLite would look here for what has none, and sort all of it.
  await db.schema
    .createIndex('auditEventsNumber')
    .unique()
    .on('auditEvents')
    .column('number')
    .where(sql.ref('number'), 'is not', null)
    .execute()
  await db.schema
    .createIndex('auditEventsUnsealed')
    .on('auditEvents')
    .column('id')
    .where(sql.ref('number'), 'is', null)
    .execute()
  await db.schema
    .createTable('auditCheckpoints')
    .addColumn('number', columns.countedId, primary)
    .addColumn('mac', columns.bytes, required)
    .addColumn('signature', columns.bytes, required)
    .addColumn('createdAt', 'timestamptz', required)
    .execute()
  await db.schema
    .createTable('leases')
    .addColumn('name', 'text', primary)
    .addColumn('holder', 'text', required)
    .addColumn('until', 'timestamptz', required)
    .execute()
}
