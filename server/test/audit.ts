import type { Database } from '../src/database/schema.ts'
import { createAudit, type AuditEvent, maskedAddress } from '../src/features/audit/service.ts'
import { sealDue, type SealerDeps } from '../src/features/audit/sealer.ts'
import { type Act, actOf, BY_SYSTEM } from '../src/kernel/act.ts'
import { systemRandom } from '../src/kernel/random.ts'
import { createSecret } from '../src/kernel/secret.ts'
import { NOON } from './database.ts'
import { createTurnedClock } from './turned-clock.ts'

/** The test's own. */
export const AUDIT_SECRET = createSecret(systemRandom.bytes(32))

const ACT: Act = actOf({ ...BY_SYSTEM, ip: '192.0.2.7', userAgent: '', requestId: 'req_1' }, 5)

/** Puts so many events on record, none of them sealed. */
export async function recordEvents(db: Database, count: number, at = NOON): Promise<void> {
  const audit = createAudit({ random: systemRandom })
  const details = { address: maskedAddress('sara@example.com') }
  const event: AuditEvent = { type: 'email_verified', userId: 5, details }
  for (let made = 0; made < count; made++) await audit.record(db, ACT, event, at)
}

export const sealerOf = (deps: Partial<SealerDeps> = {}): SealerDeps => ({
  secret: AUDIT_SECRET,
  clock: createTurnedClock(NOON),
  holder: 'this process',
  ...deps,
})

/** Puts so many events on record and seals them. */
export async function sealEvents(db: Database, count: number, at = NOON): Promise<void> {
  await recordEvents(db, count, at)
  await sealDue(db, sealerOf())
}

/** What the chain holds, in its order. */
export const chained = (db: Database) =>
  db.selectFrom('auditEvents').selectAll().where('number', 'is not', null).orderBy('number').execute()
