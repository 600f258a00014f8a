import type { Migration } from 'kysely/migration'
import type { Columns } from '../columns.ts'
import * as accounts from './0001_accounts.ts'

/** Every migration in order. A name, once released, never changes: databases remember it. */
export function migrationsFor(columns: Columns): Record<string, Migration> {
  return {
    '0001_accounts': { up: (db) => accounts.up(db, columns) },
  }
}
