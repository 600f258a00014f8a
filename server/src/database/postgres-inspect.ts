import { setTimeout } from 'node:timers/promises'
import { sql } from 'kysely'
import type { Database } from './schema.ts'

/** Whether what is sent to the database can be read on the way. */
export async function isPlainText(db: Database): Promise<boolean> {
  const { rows } = await sql<{ isPlain: boolean }>`
    select not coalesce((select ssl from pg_stat_ssl where pid = pg_backend_pid()), false)
      and coalesce(inet_server_addr() <> inet_client_addr(), false) as is_plain`.execute(db)
  return rows[0]?.isPlain === true
}

const LOOKS = 5
const LOOK_EVERY_MILLISECONDS = 200

/**
 * Whether another process of ours has this database open: one of the same name and user, not gone within a second. To be
 * asked over a pool of one connection. What comes through a pooler is taken for a process as long as the pooler keeps it.
 */
export async function isInUseByOthers(db: Database): Promise<boolean> {
  for (let look = 1; ; look++) {
    const { rows } = await sql`
      select pid from pg_stat_activity
      where datname = current_database() and usename = current_user and pid <> pg_backend_pid()
        and application_name = current_setting('application_name')`.execute(db)
    if (rows.length === 0) return false
    if (look === LOOKS) return true
    await setTimeout(LOOK_EVERY_MILLISECONDS)
  }
}

/** How many connections the server takes in all. */
export async function mostConnections(db: Database): Promise<number> {
  const { rows } = await sql<{ most: number }>`
    select current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int as most`.execute(
    db,
  )
  return rows[0]!.most
}
