import { sql, type ColumnDefinitionBuilder, type Kysely } from 'kysely'
import type { Columns } from '../columns.ts'

/** What the SMS firewall decided of each code by text message, and the row that those who decide wait for. */
export async function up(db: Kysely<unknown>, columns: Columns): Promise<void> {
  await db.schema
    .createTable('smsDecisions')
    .addColumn('id', columns.uuid, primary)
    .addColumn('at', 'timestamptz', required)
    .addColumn('country', 'text', required)
    .addColumn('prefix', 'text', required)
    .addColumn('destination', 'text', required)
    .addColumn('network', 'text', required)
    .addColumn('isOwners', 'boolean', required)
    .addColumn('purpose', 'text', required)
    .addColumn('mode', 'text', required)
    .addColumn('decision', 'text', required)
    .addColumn('reason', 'text')
    // Wide enough for currencies whose units are small.
    .addColumn('price', columns.countedId, required)
    .addColumn('verifiedAt', 'timestamptz')
    .addCheckConstraint('smsDecisionsMode', sql`mode in ('enforce', 'observe')`)
    .addCheckConstraint('smsDecisionsDecision', sql`decision in ('allowed', 'refused')`)
    .execute()
  await db.schema.createIndex('smsDecisionsAt').on('smsDecisions').column('at').execute()
  for (const subject of ['country', 'prefix', 'destination', 'network']) await indexAllowed(db, subject)
  await indexPaid(db)
  await createGate(db)
}

const required = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => column.notNull()
const primary = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => column.notNull().primaryKey()

/** Of what was allowed alone: nothing else is counted, however much is refused. */
async function indexAllowed(db: Kysely<unknown>, subject: string): Promise<void> {
  await db.schema
    .createIndex(`smsDecisions${subject[0]!.toUpperCase()}${subject.slice(1)}`)
    .on('smsDecisions')
    .columns([subject, 'at'])
    .where(sql.ref('decision'), '=', sql.lit('allowed'))
    .execute()
}

/** What a budget adds up, and nothing between: whoever decides holds up all others meanwhile. */
async function indexPaid(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createIndex('smsDecisionsPaid')
    .on('smsDecisions')
    .columns(['at', 'price'])
    .where(sql.ref('decision'), '=', sql.lit('allowed'))
    .where(sql.ref('price'), '>', sql.lit(0))
    .execute()
}

async function createGate(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('smsGate')
    .addColumn('id', 'integer', primary)
    .addColumn('passedAt', 'timestamptz')
    .addCheckConstraint('smsGateOnly', sql`id = 1`)
    .execute()
  await sql`insert into sms_gate (id) values (1)`.execute(db)
}
