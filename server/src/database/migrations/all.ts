import type { Migration } from 'kysely/migration'
import type { Columns } from '../columns.ts'
import * as accounts from './0001_accounts.ts'
import * as factors from './0002_factors.ts'
import * as idempotency from './0004_idempotency.ts'
import * as proofOfWork from './0005_proof_of_work.ts'
import * as smsFirewall from './0003_sms_firewall.ts'
import * as neutralRegistration from './0006_neutral_registration.ts'
import * as limits from './0007_limits.ts'
import * as rateCounters from './0008_rate_counters.ts'
import * as signingKeys from './0009_signing_keys.ts'
import * as biggerThanMemory from './0011_bigger_than_memory.ts'
import * as maybeTaken from './0012_maybe_taken.ts'

/** Every migration in order. A name, once released, never changes: databases remember it. */
export function migrationsFor(columns: Columns): Record<string, Migration> {
  return {
    '0001_accounts': { up: (db) => accounts.up(db, columns) },
    '0002_factors': { up: (db) => factors.up(db, columns) },
    '0003_sms_firewall': { up: (db) => smsFirewall.up(db, columns) },
    '0004_idempotency': { up: (db) => idempotency.up(db, columns) },
    '0005_proof_of_work': { up: (db) => proofOfWork.up(db) },
    '0006_neutral_registration': { up: (db) => neutralRegistration.up(db, columns) },
    '0007_limits': { up: (db) => limits.up(db, columns) },
    '0008_rate_counters': { up: (db) => rateCounters.up(db) },
    '0009_signing_keys': { up: (db) => signingKeys.up(db) },
    '0011_bigger_than_memory': { up: (db) => biggerThanMemory.up(db, columns) },
    '0012_maybe_taken': { up: (db) => maybeTaken.up(db) },
  }
}
