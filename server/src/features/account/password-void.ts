import type { Database } from '../../database/schema.ts'
import type { Act } from '../../kernel/act.ts'
import type { Audit } from '../audit/service.ts'
import { voidOf } from '../otp/service.ts'
import { NO_PASSWORD } from '../passwords/service.ts'
import { endAll, type EndReason } from '../sessions/service.ts'
import { update, type User } from '../users/service.ts'
import { voidTokens } from './password-tokens.ts'

/**
 * Takes the password away and ends every session, sign-in that waits, password mail and sign-in code: from now on only a
 * reset, or another way to sign in, lets the user in. Puts it on record and tells nobody: whoever calls it has more to tell.
 * Takes a transaction.
 */
export async function voidPassword(
  db: Database,
  { audit }: { readonly audit: Audit },
  user: User,
  act: Act,
  now: Date,
  reason: EndReason = 'ended_by_operator',
): Promise<void> {
  await update(db, user.id, { passwordHash: NO_PASSWORD })
  await endAll(db, user.id, reason, now)
  await voidWaysIn(db, user.id, now)
  await audit.record(db, act, { type: 'password_voided', userId: user.id }, now)
}

/** Makes void what was handed out under the former password and could still let someone in. Takes a transaction. */
export async function voidWaysIn(db: Database, userId: number, now: Date): Promise<void> {
  await voidTokens(db, userId, now)
  await voidOf(db, userId, ['sign_in', 'second_factor'], now)
}
