import type { Nullable } from './schema.ts'

/** What happened, append-only. Written with the act in one transaction; numbered and chained later (features/audit). */
export interface AuditEventsTable {
  /** UUIDv7. */
  id: string
  at: Date
  type: string
  result: 'success' | 'failure'
  /** On whom; no foreign key, since the record outlives the account. */
  userId: Nullable<number>
  actor: 'anonymous' | 'user' | 'operator' | 'system'
  actorId: Nullable<number>
  ip: Nullable<string>
  device: string
  requestId: Nullable<string>
  /** JSON object; no secret, addresses masked. Its user reads it too. */
  details: string
  /** Its place in the chain, from 1; null until sealed. */
  number: Nullable<number>
  /** HMAC over the event and the one before it. */
  mac: Nullable<Uint8Array>
}

/** Where the chain goes on from, once retention removed what came before. */
export interface AuditCheckpointsTable {
  /** Of the last event removed. */
  number: number
  mac: Uint8Array
  /** HMAC over the two: that it was us who removed them. */
  signature: Uint8Array
  createdAt: Date
}

/** Who of several processes does a timed job, and until when nobody else may. */
export interface LeasesTable {
  name: string
  holder: string
  until: Date
}
