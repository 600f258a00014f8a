import type { Migration } from 'kysely/migration'
import type { Columns } from '../columns.ts'
import * as accounts from './0001_accounts.ts'
import * as factors from './0002_factors.ts'

/** Every migration in order. A name, once released, never changes: databases remember it. */
export function migrationsFor(columns: Columns): Record<string, Migration> {
  return {
    '0001_accounts': { up: (db) => accounts.up(db, columns) },
    '0002_factors': { up: (db) => factors.up(db, columns) },
  }
}
