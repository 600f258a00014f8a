import type { Nullable } from './schema.ts'

/** Where a user signed in within the last 30 days: a device is known by it that sends no value of its own. */
export interface KnownNetworksTable {
  userId: number
  /** The /24 of an IPv4 address, the /48 of an IPv6 one. */
  network: string
  /** The last time. */
  signedInAt: Date
}

/** Failed sign-ins from one address at accounts that do not know it, in a short window and a long one. */
export interface AddressFailuresTable {
  /** An IPv4 address, or the /64 of an IPv6 one. */
  address: string
  failures: number
  endsAt: Date
  sustainedFailures: number
  sustainedEndsAt: Date
}

/** Devices that asked to be known (`device: "new"` at sign-in). Only a keyed hash of the value is kept. */
export interface DevicesTable {
  id: string
  userId: number
  valueHash: Uint8Array
  createdAt: Date
  lastUsedAt: Date
}

/** Failed sign-ins in a row. The subject is a keyed hash, so that unknown accounts are counted alike and unreadable. */
export interface SignInFailuresTable {
  subject: string
  failures: number
  lastFailedAt: Date
  blockedUntil: Nullable<Date>
}

/** How often something was asked for in a window that began with the first time. */
export interface RateCountersTable {
  /** A keyed hash of what is counted and by whom: addresses and e-mails are not readable here. */
  subject: string
  count: number
  /** From then on the next one begins a new window. */
  endsAt: Date
}
