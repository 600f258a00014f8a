import type { Database } from '../../database/schema.ts'
import { type Act, BY_SYSTEM } from '../../kernel/act.ts'
import { before, type Duration } from '../../kernel/duration.ts'
import type { Audit } from '../audit/service.ts'
import { type Departure, remove, removeUnverified } from '../users/service.ts'

interface DeletionDeps {
  readonly db: Database
  readonly audit: Audit
}

/** Deletes an account with all that hangs on it; that it was, and that it went, stays on record. The last admin stays. */
export const deleteAccount = ({ db, audit }: DeletionDeps, userId: number, act: Act, now: Date): Promise<Departure> =>
  db.transaction().execute(async (db) => {
    const departure = await remove(db, userId)
    if (departure !== 'gone') {
      const result = departure === 'done' ? 'success' : 'failure'
      await audit.record(db, act, { type: 'account_deleted', userId, result }, now)
    }
    return departure
  })

// Short transactions, however many squatted addresses there are.
const BATCH = 100

/** Deletes accounts that in so long a time never proved an address of theirs, admins aside; tells how many. */
export async function expireUnverified({ db, audit }: DeletionDeps, lifetime: Duration, now: Date): Promise<number> {
  let expired = 0
  for (let batch = BATCH; batch === BATCH; expired += batch) {
    batch = await db.transaction().execute(async (db) => {
      const ids = await removeUnverified(db, before(now, lifetime), BATCH)
      for (const userId of ids) await audit.record(db, BY_SYSTEM, { type: 'account_expired', userId }, now)
      return ids.length
    })
  }
  return expired
}
