import type { Selectable } from 'kysely'
import type { AuditEventsTable } from '../../database/schema-audit.ts'
import { equalInConstantTime, keyedHash, type Secret } from '../../kernel/secret.ts'

export type StoredEvent = Readonly<Selectable<AuditEventsTable>>

/** A place in the chain: all that the next event is bound to. */
export interface Link {
  /** From 1; 0 is the place before the first event. */
  readonly number: number
  readonly mac: Uint8Array
}

export interface Checkpoint extends Link {
  readonly signature: Uint8Array
}

/** Where a chain begins that retention has taken nothing from. */
export const START: Link = { number: 0, mac: new Uint8Array() }

/**
 * The link an event makes behind another: HMAC-SHA-256 over the link before it and every column of the event. What was
 * changed, removed or moved anywhere before it shows here; nobody without the secret can make another.
 */
export function linkOf(secret: Secret, previous: Link, event: StoredEvent): Link {
  const number = previous.number + 1
  const mac = keyedHash(secret.key('audit-chain'), 'event', hex(previous.mac), String(number), textOf(event))
  return { number, mac }
}

/** One text for one event: JSON tells null from empty and where a column ends. */
function textOf({ id, at, type, result, userId, actor, actorId, ip, device, requestId, details }: StoredEvent): string {
  // A tampered row may hold what is no moment: that is a change like any other, and no reason to stop.
  const moment = Number.isNaN(at.getTime()) ? null : at.toISOString()
  return JSON.stringify([id, moment, type, result, userId, actor, actorId, ip, device, requestId, details])
}

/** Says that it was us who removed everything up to here. */
export const signCheckpoint = (secret: Secret, { number, mac }: Link): Checkpoint => ({
  number,
  mac,
  signature: keyedHash(secret.key('audit-chain'), 'checkpoint', String(number), hex(mac)),
})

export const isOurs = (secret: Secret, { number, mac, signature }: Checkpoint): boolean =>
  sameBytes(signCheckpoint(secret, { number, mac }).signature, signature)

/** The link of a sealed event behind another; undefined where it does not stand there or is not what was sealed. */
export function provenLink(secret: Secret, previous: Link, event: StoredEvent): Link | undefined {
  if (event.number !== previous.number + 1) return undefined
  const link = linkOf(secret, previous, event)
  return sameBytes(link.mac, event.mac) ? link : undefined
}

// SQLite keeps in a column of bytes whatever a tamperer puts there.
const isBytes = (stored: unknown): stored is Uint8Array => stored instanceof Uint8Array

export const sameBytes = (ours: Uint8Array, theirs: Uint8Array | null): boolean =>
  isBytes(theirs) && equalInConstantTime(ours, theirs)

export const hex = (bytes: Uint8Array): string => (isBytes(bytes) ? Buffer.from(bytes).toString('hex') : '')
