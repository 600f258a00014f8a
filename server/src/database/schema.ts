import type { ColumnType, Generated, Kysely } from 'kysely'
import type { AuditCheckpointsTable, AuditEventsTable, LeasesTable } from './schema-audit.ts'
import type { SigningKeysTable } from './schema-keys.ts'
import type {
  AddressFailuresTable,
  DevicesTable,
  KnownNetworksTable,
  RateCountersTable,
  SignInFailuresTable,
} from './schema-limits.ts'
import type { PendingRegistrationsTable } from './schema-registrations.ts'
import type { IdempotentAnswersTable, UsedProofsTable } from './schema-requests.ts'
import type { SmsDecisionsTable, SmsGateTable } from './schema-sms.ts'
import type { UserCountsTable, UserGramsTable } from './schema-users.ts'

/** The whole database, camelCase here and snake_case on disk. Moments are UTC; a null moment means "not (yet)". */
export interface Schema {
  meta: MetaTable
  users: UsersTable
  userCounts: UserCountsTable
  userGrams: UserGramsTable
  sessions: SessionsTable
  pendingSignIns: PendingSignInsTable
  challenges: ChallengesTable
  factorFailures: FactorFailuresTable
  totps: TotpsTable
  recoveryCodes: RecoveryCodesTable
  passkeys: PasskeysTable
  usedPasskeyChallenges: UsedPasskeyChallengesTable
  passwordTokens: PasswordTokensTable
  passwordMails: PasswordMailsTable
  pendingRegistrations: PendingRegistrationsTable
  addressChanges: AddressChangesTable
  deliveries: DeliveriesTable
  devices: DevicesTable
  knownNetworks: KnownNetworksTable
  signInFailures: SignInFailuresTable
  addressFailures: AddressFailuresTable
  rateCounters: RateCountersTable
  smsDecisions: SmsDecisionsTable
  smsGate: SmsGateTable
  idempotentAnswers: IdempotentAnswersTable
  usedProofs: UsedProofsTable
  auditEvents: AuditEventsTable
  auditCheckpoints: AuditCheckpointsTable
  leases: LeasesTable
  signingKeys: SigningKeysTable
}

/** The one handle a query runs on: the database itself, or the transaction that shadows it (DESIGN.md trap 2). */
export type Database = Kysely<Schema>

export type Nullable<T> = ColumnType<T | null, T | null | undefined, T | null>

/** What is said once about this database: the secret's fingerprint, that signing keys were made. */
interface MetaTable {
  key: string
  value: string
}

/**
 * The id of no user (they count from 1). Asked for where there is no such user, so that an unknown one costs what a known one
 * does.
 */
export const NOBODY = 0

export interface UsersTable {
  /** Counted by the database, from 1, never given out twice (invariant I9). */
  id: Generated<number>
  /** As typed, trimmed. */
  email: string
  /** What makes an e-mail address the same as another, unique. */
  emailKey: string
  /** What makes two addresses one mailbox, unique where set; null while ONE_ACCOUNT_PER_MAILBOX is off. */
  mailboxKey: Nullable<string>
  /** PHC string; `!` where there is no password (as in Django: no password matches it). */
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
  /** When any e-mail address of this account was proven for the first time; survives changes of address. */
  emailFirstProvenAt: Nullable<Date>
  /** Until then there is no device to be new beside. */
  firstSignedInAt: Nullable<Date>
  /** From then on a password alone opens nothing. */
  twoFactorSince: Nullable<Date>
  /** From then on a code by SMS may begin a sign-in. */
  phoneSignInSince: Nullable<Date>
  /** When the password was reset by e-mail; null again once another factor than e-mail has succeeded since. */
  passwordResetAt: Nullable<Date>
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
  /** What the user agent calls itself, for people: `Firefox on Windows`. */
  device: Generated<string>
  /** What `ip` is counted by: itself, or the /64 of an IPv6 address. */
  network: Generated<string>
}

/** A sign-in that proved its first factor and waits for what is still asked for. Never a session. */
export interface PendingSignInsTable {
  /** UUIDv7: `sid` in second-factor tokens. */
  id: string
  userId: number
  /** What is still asked for: a second factor, or (REQUIRE_VERIFIED) the first proof of an address. */
  needs: 'second_factor' | 'verification'
  /** RFC 8176 names of what was proven, with spaces between. */
  amr: string
  /** The channel whose code was the first factor, which is no second one. */
  channel: Nullable<'email' | 'phone'>
  createdAt: Date
  expiresAt: Date
  /** Used up by the step that succeeded, or ended. */
  endedAt: Nullable<Date>
  ip: string
  userAgent: string
  /** The known device that asks. */
  deviceId: Nullable<string>
  /** Whether a device value was asked for. */
  wantsDevice: boolean
}

/** A code waiting to be proven. One row a binding: asker, channel, address, purpose. */
export interface ChallengesTable {
  id: string
  /** Null: nobody's. Asked for a stranger's address and kept so that both cases cost the same; no code is right for it. */
  userId: Nullable<number>
  /** The session or pending sign-in that asked; for the anonymous, what stands for their address and network. */
  asker: string
  channel: 'email' | 'phone'
  /** The e-mail key or E.164 number the code went to. */
  address: string
  purpose: 'verification' | 'address_change' | 'second_factor' | 'reauthentication' | 'sign_in'
  codeHash: Uint8Array
  tries: Generated<number>
  createdAt: Date
  expiresAt: Date
  consumedAt: Nullable<Date>
}

/** Failures in a row of one method, across resends (SECURITY.md: 100 lock the method for that purpose). */
export interface FactorFailuresTable {
  userId: number
  method: 'email' | 'phone' | 'totp' | 'recovery_code' | 'passkey'
  purpose: string
  failures: number
}

/** Authenticator apps: at most one confirmed and one waiting to be, for each user. */
export interface TotpsTable {
  id: string
  userId: number
  /** 160 bits (RFC 4226 §4), AES-GCM with the id as context. */
  sealedSecret: Uint8Array
  createdAt: Date
  confirmedAt: Nullable<Date>
  /** The newest 30-second step whose code was taken; none before or at it is taken again. */
  lastStep: Nullable<number>
}

export interface RecoveryCodesTable {
  id: string
  userId: number
  /** SHA-256: 80 bits of chance need no key, and so outlive a change of the secret. */
  codeHash: Uint8Array
  createdAt: Date
  usedAt: Nullable<Date>
}

/** WebAuthn credentials (WebAuthn Level 3 §4, credential record). */
export interface PasskeysTable {
  id: string
  userId: number
  /** Base64url; unique, so that a credential has one owner. */
  credentialId: string
  /** COSE key. */
  publicKey: Uint8Array
  /** What the authenticator was told to know the user by: 32 bytes of no meaning. */
  userHandle: Uint8Array
  signCount: number
  /** As the client named them, with spaces between. */
  transports: string
  isBackupEligible: boolean
  isBackedUp: boolean
  name: string
  createdAt: Date
  lastUsedAt: Nullable<Date>
}

/** Challenges already answered, until they would have ended anyway: each is good once. */
export interface UsedPasskeyChallengesTable {
  challenge: string
  expiresAt: Date
}

/** What a mail to set a password carries: a code and a link, either good once for both. */
export interface PasswordTokensTable {
  id: string
  /** Null: nobody's, as in challenges. */
  userId: Nullable<number>
  purpose: 'reset' | 'invitation'
  /** Keyed hash of the address it was sent to: it sets no password once the account has another. */
  subject: string
  codeHash: Uint8Array
  linkHash: Uint8Array
  createdAt: Date
  expiresAt: Date
  consumedAt: Nullable<Date>
}

/** When an address was last asked for, whether or not anyone has it: the pause between two mails. */
export interface PasswordMailsTable {
  /** Keyed hash of the address. */
  subject: string
  sentAt: Date
}

/** A change of e-mail or phone that its owner can undo. */
export interface AddressChangesTable {
  id: string
  userId: number
  channel: 'email' | 'phone'
  oldAddress: Nullable<string>
  oldVerifiedAt: Nullable<Date>
  newAddress: Nullable<string>
  /** What nobody else may take until `undoUntil`: the e-mail key or number, and the mailbox key. */
  reservedKey: Nullable<string>
  reservedMailboxKey: Nullable<string>
  linkHash: Uint8Array
  createdAt: Date
  /** Null: still waiting for its code. */
  completedAt: Nullable<Date>
  /** 48 hours after completion; while it waits it can be cancelled however late, and this is what its mail promised. */
  undoUntil: Date
  /** Undone, cancelled, or made void by the undoing of an older one. */
  endedAt: Nullable<Date>
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
  /** Since when its gateway may have taken it without anybody knowing: its answer was lost, or its worker. */
  maybeTakenAt: Nullable<Date>
  gateway: Nullable<string>
  gatewayId: Nullable<string>
  /** Why the last attempt failed; no secret, no full address. */
  reason: Nullable<string>
  createdAt: Date
  finishedAt: Nullable<Date>
}
