import type { Database } from '../../database/schema.ts'
import type { Act } from '../../kernel/act.ts'
import type { Audit } from '../audit/service.ts'
import { lockUser } from '../users/service.ts'
import * as pendingStore from './pending-store.ts'
import * as store from './store.ts'

/** How a user ends sessions of his own. Each puts what it ended on record, and opens the transaction for both itself. */

interface EndingDeps {
  readonly audit: Audit
}

/** Ends a session of this user by any refresh token of it, rotated out or not. False when none of the user's lives there. */
export const endByRefresh = (
  db: Database,
  { audit }: EndingDeps,
  { sessionId, userId }: { readonly sessionId: string; readonly userId: number },
  act: Act,
  now: Date,
): Promise<boolean> =>
  db.transaction().execute(async (db) => {
    const session = await store.findById(db, sessionId)
    if (session?.userId !== userId || !(await store.end(db, sessionId, 'logout', now))) return false
    await audit.record(db, act, { type: 'logged_out', userId, details: { session: sessionId } }, now)
    return true
  })

/** Ends a session of this user, the current one or another. False when none such lives. */
export const endOwn = (
  db: Database,
  { audit }: EndingDeps,
  { id, userId }: Pick<store.Session, 'id' | 'userId'>,
  act: Act,
  now: Date,
): Promise<boolean> =>
  db.transaction().execute(async (db) => {
    if (!(await store.endOwn(db, { id, userId }, 'ended_by_user', now))) return false
    await audit.record(db, act, { type: 'session_ended', userId, details: { session: id } }, now)
    return true
  })

/** Ends all of the user's sessions but the current one, and the sign-ins that wait for their second step. */
export const endAllOthers = (
  db: Database,
  { audit }: EndingDeps,
  { userId, sessionId }: { readonly userId: number; readonly sessionId: string },
  act: Act,
  now: Date,
): Promise<void> =>
  db.transaction().execute(async (db) => {
    // As whoever else ends several of his does: two who took them as they come could each wait for the other.
    await lockUser(db, userId)
    await pendingStore.endAll(db, userId, now)
    const sessions = await store.endOthers(db, { userId, exceptId: sessionId }, 'ended_by_user', now)
    await audit.record(db, act, { type: 'sessions_ended', userId, details: { sessions } }, now)
  })
