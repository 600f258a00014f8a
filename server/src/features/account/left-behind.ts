import type { Database } from '../../database/schema.ts'
import { removeKnownOf } from '../attempts/service.ts'
import { removeForChannel } from '../otp/service.ts'
import { removePasskeys } from '../passkeys/service.ts'
import { removeRecoveryCodes } from '../recovery-codes/service.ts'
import { removeTotps } from '../totp/service.ts'

/**
 * Removes what somebody else can have left in an account to come back by: factors (where `since` is given only those added at
 * it or later), every known device and network, every open code. Sessions and passwords are the caller's. Takes a transaction.
 */
export async function removeLeftBehind(db: Database, userId: number, since?: Date): Promise<void> {
  await removeTotps(db, userId, since)
  await removePasskeys(db, userId, since)
  await removeRecoveryCodes(db, userId, since)
  await removeKnownOf(db, userId)
  await removeForChannel(db, userId, 'email', [])
  await removeForChannel(db, userId, 'phone', [])
}
