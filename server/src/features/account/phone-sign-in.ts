import type { Database } from '../../database/schema.ts'
import type { Act } from '../../kernel/act.ts'
import { maskedAddress } from '../audit/service.ts'
import { notify } from '../messages/service.ts'
import type { User } from '../users/service.ts'
import type { ChangeDeps } from './changes.ts'

/** From now on a code by SMS may begin a sign-in: on record, and told to a verified e-mail. */
export async function tellPhoneSignInOn(
  db: Database,
  { audit, codes, defaultLanguage }: ChangeDeps,
  user: User,
  act: Act,
  now: Date,
): Promise<void> {
  const facts = { address: maskedAddress(user.phone ?? '') }
  await audit.record(db, act, { type: 'phone_sign_in_on', userId: user.id, details: facts }, now)
  if (user.emailVerifiedAt === null) return
  await notify(db, { messages: codes.messages, defaultLanguage }, user, { kind: 'phone_sign_in_on', facts }, now)
}

/** `user` is as it was before; where it was off already nothing has happened. */
export async function recordPhoneSignInOff(
  db: Database,
  { audit }: ChangeDeps,
  user: User,
  act: Act,
  now: Date,
): Promise<void> {
  if (user.phoneSignInSince === null) return
  await audit.record(db, act, { type: 'phone_sign_in_off', userId: user.id }, now)
}
