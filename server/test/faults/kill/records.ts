import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Client } from 'pg'
import { subjectOf } from '../../../src/features/attempts/sign-ins.ts'
import { createSecret } from '../../../src/kernel/secret.ts'

type Value = string | number | null
export type Row = Readonly<Record<string, Value>>

/** The database beside the servers that serve it, read by SQL of its own. */
export interface Records {
  /** Parameters stand where the text has `?`. A statement that changes rows gives none. */
  rows(sql: string, ...parameters: readonly Value[]): Promise<Row[]>
  /** The counter's subject for an address, as the server keys it. */
  subjectOf(email: string): string
  /** What the engine's own check finds. */
  damage(): Promise<string[]>
  close(): Promise<void>
}

export function openFile(dataDir: string): Records {
  const sqlite = new DatabaseSync(join(dataDir, 'latchkey.db'), { timeout: 5000 })
  const secret = createSecret(Buffer.from(readFileSync(join(dataDir, 'secret.key'), 'utf8').trim(), 'base64url'))
  const rows = (sql: string, ...parameters: readonly Value[]): Promise<Row[]> =>
    Promise.resolve(sqlite.prepare(sql).all(...parameters) as Row[])
  return {
    rows,
    subjectOf: (email) => subjectOf(secret, email, undefined),
    async damage() {
      const integrity = (await rows('pragma integrity_check')).map((row) => row['integrity_check'])
      const orphans = await rows('pragma foreign_key_check')
      return [
        ...(integrity.join() === 'ok' ? [] : [`the file is damaged: ${integrity.join('; ')}`]),
        ...(orphans.length === 0 ? [] : [`${orphans.length} rows refer to rows that are gone`]),
      ]
    },
    close: () => Promise.resolve(sqlite.close()),
  }
}

// PostgreSQL's own checker of indexes: their order, and that every row of the table is in them.
const DAMAGED = `select c.relname, bt_index_check(c.oid, true)::text from pg_class c
  join pg_namespace n on n.oid = c.relnamespace join pg_am a on a.oid = c.relam
  where n.nspname = 'public' and a.amname = 'btree'`

export async function openPostgresRecords(url: string, secretKey: string): Promise<Records> {
  const client = new Client(url)
  client.on('error', () => {})
  await client.connect()
  await client.query('create extension if not exists amcheck')
  const secret = createSecret(Buffer.from(secretKey))
  return {
    async rows(sql, ...parameters) {
      let count = 0
      const text = sql.replaceAll('?', () => `$${++count}`)
      return (await client.query<Row>(text, [...parameters])).rows
    },
    subjectOf: (email) => subjectOf(secret, email, undefined),
    damage: () =>
      client.query(DAMAGED).then(
        () => [],
        (error: unknown) => [`an index is damaged: ${String(error)}`],
      ),
    close: () => client.end(),
  }
}
