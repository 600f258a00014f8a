import { sql } from 'kysely'
import type { Database } from '../../src/database/schema.ts'

type Row = Readonly<Record<string, unknown>>
/** Table name to its rows by key. */
type Dump = ReadonlyMap<string, ReadonlyMap<string, Row>>

// Columns that only count or tell when something was last tried: they may move though the operation failed.
const COUNTERS: Readonly<Record<string, readonly string[]>> = {
  users: [],
  sessions: ['lastUsedAt'],
  challenges: ['tries'],
  pendingRegistrations: ['tries', 'triesElsewhere'],
  factorFailures: ['failures'],
  signInFailures: ['failures', 'lastFailedAt', 'blockedUntil'],
  devices: ['lastUsedAt'],
  userGrams: ['gram'], // one of many of a user, and which one is chance
}

/** Every table of the database, whole. */
export async function dump(db: Database): Promise<Dump> {
  const dumped = new Map<string, Map<string, Row>>()
  for (const { name } of await db.introspection.getTables()) {
    const { rows } = await sql<Row>`select * from ${sql.table(name)}`.execute(db)
    dumped.set(camelCase(name), new Map(rows.map((row) => [keyOf(row), row])))
  }
  return dumped
}

/** Tables that only count; a request that failed was asked all the same, and stays counted. */
const COUNTED_APART: ReadonlySet<string> = new Set(['factorFailures', 'signInFailures', 'rateCounters'])

const camelCase = (name: string): string => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())

/** The columns that name a row, of whichever table. */
const KEYS = ['id', 'subject', 'key', 'userId', 'method', 'purpose']

const keyOf = (row: Row): string => JSON.stringify(row['id'] ?? KEYS.map((key) => row[key]))

/**
 * What an operation changed, in the terms of its kind: how many rows each table gained and lost, and which columns changed.
 * Two runs that did the same thing to different users have the same shape. Counters are left out.
 */
export function shapeOf(before: Dump, after: Dump): readonly string[] {
  const shape: string[] = []
  for (const [table, rows] of after) {
    if (COUNTED_APART.has(table)) continue
    const old = before.get(table) ?? new Map<string, Row>()
    const added = [...rows.keys()].filter((key) => !old.has(key)).length
    const removed = [...old.keys()].filter((key) => !rows.has(key)).length
    if (added > 0) shape.push(`${table} +${added}`)
    if (removed > 0) shape.push(`${table} -${removed}`)
    for (const [key, row] of rows) shape.push(...changedColumns(table, old.get(key), row))
  }
  return shape.toSorted()
}

function changedColumns(table: string, old: Row | undefined, row: Row): string[] {
  if (!old) return []
  const told = Object.keys(row).filter((column) => !COUNTERS[table]?.includes(column))
  return told.filter((column) => text(old[column]) !== text(row[column])).map((column) => `${table}.${column}`)
}

const text = (value: unknown): string => JSON.stringify(value instanceof Uint8Array ? [...value] : value)

/** The counters of failures that stand lower than before, or are gone. */
export function fallenCounters(before: Dump, after: Dump): string[] {
  return (['factorFailures', 'signInFailures'] as const).flatMap((table) =>
    [...(before.get(table) ?? [])]
      .filter(([key, row]) => Number(after.get(table)?.get(key)?.['failures'] ?? 0) < Number(row['failures']))
      .map(([key]) => `${table} ${key}`),
  )
}
