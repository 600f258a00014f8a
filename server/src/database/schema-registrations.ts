import type { Generated } from 'kysely'
import type { Nullable } from './schema.ts'

/**
 * A registration that waits for its code. One row an address and network; those of a taken address are decoys, for which no
 * code is right.
 */
export interface PendingRegistrationsTable {
  id: string
  emailKey: string
  /** Stands for address and network of whoever asked. */
  asker: string
  /** As typed, trimmed. */
  email: string
  /** PHC string; `!` once used up. */
  passwordHash: string
  firstName: string
  lastName: string
  codeHash: Uint8Array
  /** Tries from the network that asked. */
  tries: Generated<number>
  /** Tries from anywhere else, so that strangers use up only these. */
  triesElsewhere: Generated<number>
  createdAt: Date
  expiresAt: Date
  consumedAt: Nullable<Date>
}
