import type { ComposeOptions } from '../compose.ts'
import { startSealer } from '../features/audit/sealer.ts'
import { createAudit } from '../features/audit/service.ts'
import type { Count } from '../kernel/count.ts'
import { uuidv7 } from '../kernel/random.ts'
import type { Foundation } from './foundation.ts'
import { housekeeping } from './housekeeping.ts'
import { startTimedJob } from './timed-job.ts'

/** Chains what is put on record and clears away what is over, while the server lives. Gives back what stops it. */
export function startUpkeep(
  { db, secret }: Foundation,
  { config, clock, random, logger }: ComposeOptions,
  count?: Count,
): () => Promise<void> {
  const holder = uuidv7(random, clock.now())
  const stopSealer = startSealer(db, { secret, clock, holder }, logger)
  const tidying = housekeeping({
    db,
    log: logger,
    audit: { secret, holder, keep: config.auditRetention },
    expiry: { audit: createAudit({ random, count }), after: config.unverifiedAccountLifetime },
  })
  const stopTidying = startTimedJob(tidying, { db, clock, holder, log: logger, count })
  return async () => {
    await Promise.all([stopTidying(), stopSealer()])
  }
}
