import { sql } from 'kysely'
import { DatabaseSync } from 'node:sqlite'
import type { Database } from './schema.ts'

// The table AUTOINCREMENT counts in (https://sqlite.org/autoinc.html).
const COUNTER = sql`select seq as "last" from sqlite_sequence where name = 'users'`

/** The highest user id ever given out, by SQLite's counter; 0 before the first. */
export async function lastUserId(db: Database): Promise<number> {
  const { rows } = await COUNTER.execute(db)
  return Number((rows[0] as { last: number } | undefined)?.last ?? 0)
}

/** How many users there are, by their rows: a database of an older version keeps no count of them. */
export async function countUserRows(db: Database): Promise<number> {
  const { count } = await db
    .selectFrom('users')
    .select((select) => select.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow()
  return Number(count)
}

/** Has the next user get a higher id than this one (invariant I9); never lowers the counter. Takes a transaction. */
export async function skipUserIds(db: Database, upTo: number): Promise<void> {
  const { rows } = await COUNTER.execute(db)
  await (rows.length === 0
    ? sql`insert into sqlite_sequence (name, seq) values ('users', ${upTo})`.execute(db)
    : sql`update sqlite_sequence set seq = max(seq, ${upTo}) where name = 'users'`.execute(db))
}

/** As `lastUserId`, of a file that may be damaged; undefined when it does not tell. */
export function lastUserIdOf(path: string): number | undefined {
  try {
    const sqlite = new DatabaseSync(path, { readOnly: true })
    try {
      const row = sqlite.prepare(`select seq from sqlite_sequence where name = 'users'`).get()
      return row === undefined ? 0 : Number(row['seq'])
    } finally {
      sqlite.close()
    }
  } catch {
    return undefined
  }
}
