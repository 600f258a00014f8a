import type { Database } from '../../database/schema.ts'
import { forgetFailures, removeKnownOf } from '../attempts/service.ts'
import { removeForChannel } from '../otp/service.ts'
import { removePasskeys } from '../passkeys/service.ts'
import { removeRecoveryCodes } from '../recovery-codes/service.ts'
import { removeTotps } from '../totp/service.ts'
import type { User, UserChanges } from '../users/service.ts'
import { endWaitingAndSince } from './changes-store.ts'

/**
 * Whoever registers with another's address can set the account up before its owner comes (pre-hijacking, Sudhodanan and
 * Paverd 2022). So when a reset is the first proof of any address the account ever had, all he could have left there goes:
 * factors, phone, changes that wait, known devices, open codes and counters. His sessions a reset ends in any case.
 */
export async function loseFormerHolder(db: Database, user: User, now: Date): Promise<void> {
  await removeTotps(db, user.id)
  await removePasskeys(db, user.id)
  await removeRecoveryCodes(db, user.id)
  await removeKnownOf(db, user.id)
  await removeForChannel(db, user.id, 'email', [])
  await removeForChannel(db, user.id, 'phone', [])
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
