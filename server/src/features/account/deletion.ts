import type { Database } from '../../database/schema.ts'
import { type Act, BY_SYSTEM } from '../../kernel/act.ts'
import { before, type Duration } from '../../kernel/duration.ts'
import type { Audit } from '../audit/service.ts'
import type { Remember } from '../idempotency/service.ts'
import { notify, type NotifyDeps } from '../messages/service.ts'
import { findById, isLastAdmin, remove, removeUnverified } from '../users/service.ts'

interface DeletionDeps {
  readonly db: Database
  readonly audit: Audit
}

export type Departure = 'done' | 'last_admin' | 'gone'

/**
 * Deletes an account with all that hangs on it; that it was, and that it went, stays on record, and its verified address is
 * told. The last active admin stays (invariant I6). Wake the messages afterwards.
 */
export const deleteAccount = (
  { db, audit, ...notifier }: DeletionDeps & NotifyDeps,
  userId: number,
  { act, remember }: { readonly act: Act; readonly remember: Remember<void> },
  now: Date,
): Promise<Departure> =>
  db.transaction().execute(async (db) => {
    const isLast = await isLastAdmin(db, userId)
    const user = await findById(db, userId)
    if (!user) return 'gone'
    const result = isLast ? 'failure' : 'success'
    await audit.record(db, act, { type: 'account_deleted', userId, result }, now)
    if (isLast) return 'last_admin'
    // An unverified one may be a stranger's, whom accounts made and deleted in turn would flood.
    if (user.emailVerifiedAt !== null) await notify(db, notifier, user, { kind: 'account_deleted', facts: {} }, now)
    await remove(db, userId)
    await remember(db)
    return 'done'
  })

// Short transactions, however many squatted addresses there are: each account has some thirty rows that it is found by.
const BATCH = 25

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
