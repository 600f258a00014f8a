import type { Database } from '../../database/schema.ts'
import { type Act, actOf } from '../../kernel/act.ts'
import { notify } from '../messages/service.ts'
import { type PasskeyDeps, passkeysOf, removePasskey } from '../passkeys/service.ts'
import { lockUser } from '../users/service.ts'
import { whyKeep, type WayInRules } from './last-way-in.ts'

export interface PasskeyRemovalDeps {
  readonly passkeys: PasskeyDeps
  readonly rules: WayInRules
}

/**
 * Removes a passkey of the user unless it is the last way in, puts it on record and tells the user. `none`: the user has no
 * such passkey. Takes a transaction; wake the messages after it.
 */
export async function takePasskeyAway(
  db: Database,
  { passkeys, rules }: PasskeyRemovalDeps,
  { userId, id }: { readonly userId: number; readonly id: string },
  act: Act,
  now: Date,
): Promise<'removed' | 'none' | 'last_factor' | 'last_sign_in_method'> {
  const user = await lockUser(db, userId)
  if (!user || !(await passkeysOf(db, userId)).some((passkey) => passkey.id === id)) return 'none'
  const reason = await whyKeep(db, rules, user, 'passkey')
  if (reason) return reason
  const removed = await removePasskey(db, { id, userId })
  if (!removed) return 'none'
  const { name } = removed
  const event = { type: 'passkey_removed', userId, details: { passkey: id, name } } as const
  await passkeys.audit.record(db, actOf(act, userId), event, now)
  await notify(db, passkeys, user, { kind: 'passkey_removed', facts: { name } }, now)
  return 'removed'
}
