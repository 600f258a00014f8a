import { sql, type Kysely } from 'kysely'

/** Of each message, whether its gateway may have taken it without anybody knowing; until now its reason told of some. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('deliveries').addColumn('maybeTakenAt', 'timestamptz').execute()
  await sql`update deliveries set maybe_taken_at = next_attempt_at
    where status = 'queued' and (reason = 'interrupted' or reason like '%after the mail was handed over')`.execute(db)
}
