import type { Database } from '../../database/schema.ts'
import { BUDGETS } from '../../features/sms-firewall/rules.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { SendOutcome } from '../../kernel/delivery.ts'
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
  /** The gateway of each channel that has one. */
  readonly gateways: () => Readonly<Record<string, { readonly gateway: string; readonly operatorFault?: object }>>
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
  beginAtZero(instruments, sources)
  const { atScrape } = instruments
  atScrape('latchkey_sms_gateway_up', (set) => {
    const several = sources.circuits()
    const only = several.length === 0 ? sources.gateways()['sms'] : undefined
    for (const { gateway, circuit } of several) set(circuit === 'open' ? 0 : 1, { gateway })
    if (only) set(only.operatorFault ? 0 : 1, { gateway: only.gateway })
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

const OUTCOMES: readonly SendOutcome['kind'][] = [
  'sent',
  'retry',
  'recipient_refused',
  'operator_fault',
  'message_refused',
  'maybe_taken',
  'unknown',
]

/** What a rule waits for must be there before it happens: Prometheus sees no increase in a series that begins with 1. */
function beginAtZero({ count }: Instruments, { gateways }: Sources): void {
  for (const [channel, { gateway }] of Object.entries(gateways()))
    for (const outcome of OUTCOMES) count('latchkey_deliveries_total', { channel, gateway, outcome }, 0)
  for (const { reason } of BUDGETS)
    count('latchkey_sms_decisions_total', { decision: 'refused', reason, mode: 'enforce' }, 0)
  for (const method of ['password', 'code', 'passkey'])
    for (const outcome of ['signed_in', 'failed']) count('latchkey_sign_ins_total', { method, outcome }, 0)
}
