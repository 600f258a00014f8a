import type { Database } from '../../database/schema.ts'
import { type Sealing, sealing } from '../../features/audit/service.ts'
import { type Waiting, waiting } from '../../features/messages/service.ts'
import { within } from '../../features/messages/within.ts'
import type { Clock } from '../../kernel/clock.ts'
import { after, milliseconds, seconds } from '../../kernel/duration.ts'

/** What only the database knows. */
export interface Readings {
  readonly at: Date
  readonly outbox: readonly Waiting[]
  readonly audit: Sealing
}

// However many ask, and however often, the database is asked every five seconds at most.
const GOOD_FOR = seconds(5)
// Whoever gathers from several processes leaves out one that takes a second. A question that hangs is left alone, and no
// second one is asked meanwhile.
const PATIENCE = milliseconds(500)

/** Reads for scrapes, so that none of them harms: undefined while the database does not answer in time. */
export function createReadings(db: Database, clock: Clock): () => Promise<Readings | undefined> {
  let known: Readings | undefined
  let asking: Promise<Readings | undefined> | undefined

  async function ask(): Promise<Readings | undefined> {
    const at = clock.now()
    try {
      known = { at, outbox: await waiting(db, at), audit: await sealing(db) }
    } catch {
      known = undefined // told by latchkey_database_readable, and by whatever else asks the database
    }
    return known
  }

  return async () => {
    if (known && clock.now() < after(known.at, GOOD_FOR)) return known
    asking ??= ask().finally(() => {
      asking = undefined
    })
    return within(PATIENCE, asking)
  }
}
