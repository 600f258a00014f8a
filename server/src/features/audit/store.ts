import type { Insertable } from 'kysely'
import type { AuditEventsTable } from '../../database/schema-audit.ts'
import type { Database } from '../../database/schema.ts'

export async function insert(db: Database, event: Insertable<AuditEventsTable>): Promise<void> {
  await db.insertInto('auditEvents').values(event).execute()
}
