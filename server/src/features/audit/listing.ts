import type { Database } from '../../database/schema.ts'
import type { StoredEvent } from './chain.ts'
import * as store from './store.ts'

export interface EventsWanted extends store.EventFilter {
  /** From this moment on. */
  readonly since?: Date | undefined
  /** Before this moment. */
  readonly until?: Date | undefined
}

export interface EventPage {
  readonly events: readonly StoredEvent[]
  /** After which event the next page begins; undefined at the end. */
  readonly next: string | undefined
}

/** A page of events, newest first, after the one named. Costs the same however many there are. */
export async function listEvents(
  db: Database,
  { since, until, ...filter }: EventsWanted,
  { after, limit }: { readonly after: string | undefined; readonly limit: number },
): Promise<EventPage> {
  const range = { from: since && firstIdAt(since), before: [after, until && firstIdAt(until)] }
  // One more than is shown tells whether there is a next page.
  const events = await store.newest(db, filter, range, limit + 1).execute()
  const shown = events.slice(0, limit)
  return { events: shown, next: events.length > limit ? shown.at(-1)?.id : undefined }
}

const LAST_MILLISECOND = 2 ** 48 - 1

/** No UUIDv7 of this moment or later comes before it: moments become a range of ids, which are the order of the list. */
function firstIdAt(moment: Date): string {
  const millisecond = Math.min(Math.max(moment.getTime(), 0), LAST_MILLISECOND)
  const hex = millisecond.toString(16).padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`
}
