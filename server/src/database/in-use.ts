import { DatabaseSync } from 'node:sqlite'
import { isBusy } from './errors.ts'

/**
 * Whether anyone else has this database open at this moment: only the last one may leave SQLite's WAL mode
 * (https://sqlite.org/pragma.html#pragma_journal_mode), to which the next `openDatabase` returns. The file must exist.
 */
export function isInUse(path: string): boolean {
  const sqlite = new DatabaseSync(path, { timeout: 0 })
  try {
    sqlite.exec('pragma journal_mode = delete')
    return false
  } catch (error) {
    if (isBusy(error)) return true
    throw error
  } finally {
    sqlite.close()
  }
}
