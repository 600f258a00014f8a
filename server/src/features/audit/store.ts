import type { Insertable, SelectQueryBuilder } from 'kysely'
import type { AuditEventsTable } from '../../database/schema-audit.ts'
import { prepared } from '../../database/prepared.ts'
import type { Database, Schema } from '../../database/schema.ts'

type NewEvent = Required<Omit<Insertable<AuditEventsTable>, 'number' | 'mac'>>

const insertEvent = prepared((db, event: NewEvent) => {
  const { id, at, type, result, userId, actor, actorId, ip, device, requestId, details } = event
  const values = { id, at, type, result, userId, actor, actorId, ip, device, requestId, details }
  return db.insertInto('auditEvents').values(values)
})

export async function insert(db: Database, event: NewEvent): Promise<void> {
  await insertEvent(db, event)
}

/** What a list of events is narrowed to; each absent one narrows nothing. */
export interface EventFilter {
  readonly userId?: number | undefined
  /** Of what kind, or which user, acted. */
  readonly actor?: AuditEventsTable['actor'] | number | undefined
  readonly type?: string | undefined
  readonly result?: AuditEventsTable['result'] | undefined
}

/** Ids from one on, and before others. */
export interface IdRange {
  readonly from: string | undefined
  readonly before: readonly (string | undefined)[]
}

type Events = SelectQueryBuilder<Schema, 'auditEvents', Schema['auditEvents']>

/** The query for a page of events, newest first. */
export function newest(db: Database, filter: EventFilter, { from, before }: IdRange, limit: number) {
  let events = narrowed(db.selectFrom('auditEvents') as Events, filter)
  if (from !== undefined) events = events.where('id', '>=', from)
  for (const id of before) if (id !== undefined) events = events.where('id', '<', id)
  return events.selectAll().orderBy('id', 'desc').limit(limit)
}

function narrowed(events: Events, { userId, actor, type, result }: EventFilter): Events {
  let some = events
  if (userId !== undefined) some = some.where('userId', '=', userId)
  if (typeof actor === 'number') some = some.where('actor', '=', 'user').where('actorId', '=', actor)
  else if (actor === 'user') some = some.where('actor', '=', 'user')
  // Their id is null, which is said so that the index of actors gives the order too.
  else if (actor !== undefined) some = some.where('actor', '=', actor).where('actorId', 'is', null)
  if (type !== undefined) some = some.where('type', '=', type)
  if (result !== undefined) some = some.where('result', '=', result)
  return some
}
