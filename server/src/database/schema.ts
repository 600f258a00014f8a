import type { ColumnType, Generated, Kysely } from 'kysely'

/** The whole database, camelCase here and snake_case on disk. Moments are UTC; a null moment means "not (yet)". */
export interface Schema {
  meta: MetaTable
  users: UsersTable
  sessions: SessionsTable
  challenges: ChallengesTable
  channelFailures: ChannelFailuresTable
  deliveries: DeliveriesTable
  devices: DevicesTable
  signInFailures: SignInFailuresTable
}

/** The one handle a query runs on: the database itself, or the transaction that shadows it (DESIGN.md trap 2). */
export type Database = Kysely<Schema>

type Nullable<T> = ColumnType<T | null, T | null | undefined, T | null>

/** What is said once about this database: the secret's fingerprint, that signing keys were made. */
interface MetaTable {
  key: string
  value: string
}

export interface UsersTable {
  /** Counted by the database, from 1, never given out twice (invariant I9). */
  id: Generated<number>
  /** As typed, trimmed. */
  email: string
  /** What makes an e-mail address the same as another, unique. */
  emailKey: string
  /** What makes two addresses one mailbox, unique where set; null while ONE_ACCOUNT_PER_MAILBOX is off. */
  mailboxKey: Nullable<string>
  /** PHC string. */
  passwordHash: string
  firstName: string
  lastName: string
  /** E.164. Unique among those with phoneVerifiedAt (invariant I5). */
  phone: Nullable<string>
  /** `YYYY-MM-DD`. */
  birthday: Nullable<string>
  gender: Nullable<'M' | 'F'>
  language: Nullable<'en' | 'fa'>
  emailVerifiedAt: Nullable<Date>
  phoneVerifiedAt: Nullable<Date>
  /** An address asked for in place of a verified one; a code sent to it completes the change. */
  pendingEmail: Nullable<string>
  pendingPhone: Nullable<string>
  adminSince: Nullable<Date>
  deactivatedAt: Nullable<Date>
  createdAt: Date
}

export interface SessionsTable {
  /** UUIDv7: `sid` in tokens. */
  id: string
  userId: number
  /** How often the refresh token was rotated: the number of the newest refresh token given out, from 0. */
  generation: Generated<number>
  /** When that newest token was given out: its `iat`. */
  rotatedAt: Date
  createdAt: Date
  /** `auth_time`: the last time a password or factor was proven. */
  authenticatedAt: Date
  lastUsedAt: Date
  /** Past it the session is over for want of use. */
  idleExpiresAt: Date
  /** The fixed end: `exp` of its refresh tokens. */
  expiresAt: Date
  endedAt: Nullable<Date>
  endReason: Nullable<string>
  acr: 'aal1' | 'aal2'
  /** RFC 8176 names with spaces between. */
  amr: string
  /** When this session proved the channel by a code. */
  emailProvenAt: Nullable<Date>
  phoneProvenAt: Nullable<Date>
  ip: string
  userAgent: string
}

/** A code waiting to be proven. One row a binding: user, asker, channel, address, purpose. */
export interface ChallengesTable {
  id: string
  userId: number
  /** The session that asked. */
  asker: string
  channel: 'email' | 'phone'
  /** The e-mail key or E.164 number the code went to. */
  address: string
  purpose: 'verification' | 'address_change'
  codeHash: Uint8Array
  tries: Generated<number>
  createdAt: Date
  expiresAt: Date
  consumedAt: Nullable<Date>
}

/** Wrong codes in a row, across resends (SECURITY.md: 100 lock the channel for that purpose). */
export interface ChannelFailuresTable {
  userId: number
  channel: 'email' | 'phone'
  purpose: string
  failures: number
}

/** The outbox: one row a message to be sent. */
export interface DeliveriesTable {
  id: string
  channel: 'email' | 'sms'
  userId: Nullable<number>
  template: string
  /** The complete message, AES-GCM; null once sent or dead. */
  sealed: Nullable<Uint8Array>
  /** Past it the message is worth nothing and is not sent. */
  deadline: Date
  status: 'queued' | 'sent' | 'dead'
  attempts: Generated<number>
  nextAttemptAt: Date
  /** While in the future, a worker has it in hand. */
  leasedUntil: Nullable<Date>
  gateway: Nullable<string>
  gatewayId: Nullable<string>
  /** Why the last attempt failed; no secret, no full address. */
  reason: Nullable<string>
  createdAt: Date
  finishedAt: Nullable<Date>
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
