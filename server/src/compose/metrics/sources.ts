import type { Database } from '../../database/schema.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { CircuitHealth } from '../../ports/sms/port.ts'
import { createReadings, type Readings } from './readings.ts'
import type { Instruments } from './registry.ts'

/** What is asked at a scrape. */
export interface Sources {
  readonly db: Database
  readonly clock: Clock
  readonly hashing: () => Hashing
  /** Undefined where there is no pool. */
  readonly pool: () => { readonly total: number; readonly idle: number; readonly waiting: number } | undefined
  readonly circuits: () => readonly CircuitHealth[]
  /** Since when the key that signs has done so. */
  readonly signingSince: () => Date
}

interface Hashing {
  readonly running: number
  readonly waiting: number
  readonly done: number
  readonly refused: number
  /** All of them together. */
  readonly waitedSeconds: number
  readonly ranSeconds: number
}

export function watch(instruments: Instruments, sources: Sources): void {
  watchHashing(instruments, sources)
  watchDatabase(instruments, sources)
  const { atScrape } = instruments
  atScrape('latchkey_sms_gateway_up', (set) => {
    for (const { gateway, circuit } of sources.circuits()) set(circuit === 'open' ? 0 : 1, { gateway })
  })
  atScrape('latchkey_signing_key_age_seconds', (set) => {
    set((sources.clock.now().getTime() - sources.signingSince().getTime()) / 1000)
  })
}

function watchHashing({ atScrape }: Instruments, { hashing }: Sources): void {
  atScrape('latchkey_password_hashes', (set) => {
    const { running, waiting } = hashing()
    set(running, { state: 'running' })
    set(waiting, { state: 'waiting' })
  })
  atScrape('latchkey_password_hashes_total', (set) => set(hashing().done))
  atScrape('latchkey_password_hashes_refused_total', (set) => set(hashing().refused))
  atScrape('latchkey_password_hash_seconds_total', (set) => {
    set(hashing().waitedSeconds, { part: 'waiting' })
    set(hashing().ranSeconds, { part: 'running' })
  })
}

function watchDatabase({ atScrape }: Instruments, { db, clock, pool }: Sources): void {
  const read = createReadings(db, clock)
  const ofOutbox = (value: (its: Readings['outbox'][number], at: Date) => number) =>
    ofDatabase(read, ({ outbox, at }, set) => {
      for (const its of outbox) set(value(its, at), { channel: its.channel })
    })
  atScrape('latchkey_database_pool', (set) => {
    for (const [state, count] of Object.entries(pool() ?? {})) set(count, { state })
  })
  atScrape('latchkey_database_readable', async (set) => set((await read()) ? 1 : 0))
  atScrape(
    'latchkey_outbox_messages',
    ofOutbox(({ queued }) => queued),
  )
  atScrape(
    'latchkey_outbox_dead_letters',
    ofOutbox(({ dead }) => dead),
  )
  atScrape(
    'latchkey_outbox_oldest_seconds',
    ofOutbox(({ oldestAt }, at) => (oldestAt ? (at.getTime() - oldestAt.getTime()) / 1000 : 0)),
  )
  atScrape(
    'latchkey_audit_unsealed',
    ofDatabase(read, ({ audit }, set) => set(audit.unsealed)),
  )
  atScrape(
    'latchkey_audit_last_number',
    ofDatabase(read, ({ audit }, set) => set(audit.lastNumber)),
  )
}

type Set = (value: number, labels?: Readonly<Record<string, string>>) => void

/** Nothing is told of a database that does not answer: an old value would look like a good one. */
const ofDatabase =
  (read: () => Promise<Readings | undefined>, tell: (readings: Readings, set: Set) => void) =>
  async (set: Set): Promise<void> => {
    const readings = await read()
    if (readings) tell(readings, set)
  }
