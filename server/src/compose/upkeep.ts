import type { ComposeOptions } from '../compose.ts'
import { startSealer } from '../features/audit/sealer.ts'
import { createAudit } from '../features/audit/service.ts'
import { uuidv7 } from '../kernel/random.ts'
import type { Foundation } from './foundation.ts'
import { startHousekeeping } from './housekeeping.ts'

/** Chains what is put on record and clears away what is over, while the server lives. Gives back what stops it. */
export function startUpkeep(
  { db, secret }: Foundation,
  { config, clock, random, logger }: ComposeOptions,
): () => Promise<void> {
  const holder = uuidv7(random, clock.now())
  const stopSealer = startSealer(db, { secret, clock, holder }, logger)
  const stopHousekeeping = startHousekeeping(db, clock, logger, {
    audit: { secret, holder, keep: config.auditRetention },
    expiry: { audit: createAudit({ random }), after: config.unverifiedAccountLifetime },
  })
  return () => {
    stopHousekeeping()
    return stopSealer()
  }
}
