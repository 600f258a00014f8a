import type { Database } from '../../database/schema.ts'
import { forgetFailures } from '../attempts/service.ts'
import type { User, UserChanges } from '../users/service.ts'
import { endWaitingAndSince } from './changes-store.ts'
import { removeLeftBehind } from './left-behind.ts'

/**
 * Whoever registers with another's address can set the account up before its owner comes (pre-hijacking, Sudhodanan and
 * Paverd 2022). So when a reset is the first proof of any address the account ever had, all he could have left there goes:
 * factors, phone, changes that wait, known devices, open codes and counters. His sessions a reset ends in any case.
 */
export async function loseFormerHolder(db: Database, user: User, now: Date): Promise<void> {
  await removeLeftBehind(db, user.id)
  await endWaitingAndSince(db, user.id, user.createdAt, now)
  await forgetFailures(db, user.id)
}

/** The same in the user's own row. */
export const withoutFormerHolder = {
  phone: null,
  phoneVerifiedAt: null,
  pendingEmail: null,
  pendingPhone: null,
  twoFactorSince: null,
  phoneSignInSince: null,
} as const satisfies UserChanges
