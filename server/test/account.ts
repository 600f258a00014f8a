import { createAudit } from '../src/features/audit/service.ts'
import type { ProfileDeps } from '../src/features/account/profile.ts'
import type { AddressCodeDeps } from '../src/features/account/service.ts'
import { createMessages } from '../src/features/messages/service.ts'
import { issue } from '../src/features/otp/service.ts'
import type { Database } from '../src/database/schema.ts'
import { minutes } from '../src/kernel/duration.ts'
import { createSecret } from '../src/kernel/secret.ts'
import { type Random, systemRandom } from '../src/kernel/random.ts'
import { NOON, sessionRow } from './database.ts'
import { firewallFor } from './sms-firewall.ts'
import { UNLIMITED } from './unlimited.ts'

/** Every code there is. */
export const CODE = '234567'

const random: Random = {
  bytes: (count) => systemRandom.bytes(count),
  integer: (min, max) => (max === 999_999 ? Number(CODE) : systemRandom.integer(min, max)),
}

/** What the account's services ask for, on a database without a server around it. Every code is `CODE`. */
export function accountDeps(db: Database) {
  const secret = createSecret(systemRandom.bytes(32))
  const sender = { productName: 'Latchkey', timeZone: 'UTC', host: 'localhost' }
  const messages = createMessages({ secret, random, sender, wake: () => {} })
  const rules = { lifetime: minutes(2), resendAfter: minutes(1), maxTries: 5, lockAfter: undefined }
  return {
    db,
    codes: { secret, random, messages, firewall: firewallFor(secret, UNLIMITED), rules },
    audit: createAudit({ random }),
    defaultLanguage: 'en',
    ownUrl: () => 'http://localhost:8000',
    mailboxes: { oneAccountPerMailbox: true },
    isNeutral: false,
    destinations: { take: async () => undefined },
    isAvailable: () => true,
    factorRules: { emailAsSecondFactor: true, byCode: true },
  } as const satisfies AddressCodeDeps & Pick<ProfileDeps, 'factorRules'>
}

export interface Holder {
  readonly userId: number
  readonly sessionId: string
}

/** A user's session that was sent a code. */
export async function codeSent(
  deps: ReturnType<typeof accountDeps>,
  userId: number,
  binding: { channel: 'email' | 'phone'; address: string; purpose: 'verification' | 'address_change' },
): Promise<Holder> {
  const session = sessionRow(userId)
  await deps.db.insertInto('sessions').values(session).execute()
  const aim = { userId, asker: session.id, ...binding }
  const envelope = { to: binding.address, language: 'en', network: session.ip, isOwners: false } as const
  await deps.db.transaction().execute((db) => issue(db, deps.codes, aim, envelope, NOON))
  return { userId, sessionId: session.id }
}
