import type { Database } from '../../database/schema.ts'
import { type AddressCodeDeps, type CodeAsked, type Sending, sendTo } from '../account/service.ts'
import { type FactorRules, usableMethods } from '../factors/service.ts'
import type { Channel } from '../otp/service.ts'
import { findSession, type Session } from '../sessions/service.ts'
import { onFile, type User } from '../users/service.ts'

interface ReauthenticationCodeDeps extends AddressCodeDeps {
  readonly rules: FactorRules
}

interface Asker extends CodeAsked {
  readonly user: User
  readonly session: Session
}

/**
 * Sends a code to the verified address of a channel that is a second factor, though the session may have proven it: for
 * reauthenticating with two factors on. Elsewhere the channel is `unusable`.
 */
export async function sendReauthenticationCode(
  deps: ReauthenticationCodeDeps,
  { user, session, ...asked }: Asker,
  channel: Channel,
  now: Date,
): Promise<Sending | { readonly kind: 'unusable' }> {
  const current = onFile(user, channel)
  if (!current) return { kind: 'no_address' }
  const isFactor = user.twoFactorSince !== null && (await usableMethods(deps.db, deps.rules, user)).includes(channel)
  if (!isFactor) return { kind: 'unusable' }
  const { to, key: address } = current
  const binding = { userId: user.id, asker: session.id, channel, address, purpose: 'reauthentication' } as const
  const isDue = async (db: Database) => (await findSession(db, session.id)) !== undefined
  return sendTo(deps, { ...asked, binding, to, isOwners: true, isDue }, now)
}
