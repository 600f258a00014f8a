import { z } from 'zod'
import { isUniqueViolation } from '../../database/errors.ts'
import { type Database, NOBODY } from '../../database/schema.ts'
import { type Email, type EmailKey, emailKey, type MailboxKey, mailboxKey } from '../../kernel/address.ts'
import { isReserved } from './reservations.ts'
import * as store from './store.ts'

export { countUsers, foldCounts } from './counting.ts'
export { onFile, pendingAddress, verifiedAt } from './on-file.ts'
export type { User, UserChanges, UserStanding } from './store.ts'
export {
  findById,
  findByVerifiedPhone,
  findStanding,
  hasActiveAdmin,
  isEmailTaken,
  isPhoneVerifiedByAnother,
  lock as lockUser,
  remove,
  removeUnverified,
  update,
} from './store.ts'

/** Whether two addresses of one mailbox may be two accounts (`ONE_ACCOUNT_PER_MAILBOX`). */
export interface MailboxRule {
  readonly oneAccountPerMailbox: boolean
}

export interface EmailColumns {
  readonly email: Email
  readonly emailKey: EmailKey
  readonly mailboxKey: MailboxKey | null
}

/** The three columns an e-mail address is kept in. */
export const emailColumns = (rule: MailboxRule, email: Email): EmailColumns => ({
  email,
  emailKey: emailKey(email),
  mailboxKey: rule.oneAccountPerMailbox ? mailboxKey(email) : null,
})

export const findByEmail = (db: Database, email: Email): Promise<store.User | undefined> =>
  store.findByEmailKey(db, emailKey(email))

export interface Registration extends EmailColumns {
  readonly passwordHash: string
  readonly firstName: string
  readonly lastName: string
  readonly adminSince?: Date
  readonly emailVerifiedAt?: Date
  readonly emailFirstProvenAt?: Date
}

/** How it stands with an address. */
export interface Standing {
  /** The user who has it, or another address of its mailbox. */
  readonly holder: store.User | undefined
  /** By that user, or by one who may still take it back. */
  readonly isTaken: boolean
}

/** Whether an address is taken, asked so that a free one costs what a taken one does. `exceptId` may have it himself. */
export async function standingOf(db: Database, keys: EmailColumns, now: Date, exceptId = NOBODY): Promise<Standing> {
  const holder = await store.findHolder(db, keys, exceptId)
  const isReservedToo = await isReserved(db, keys, now, exceptId)
  return { holder, isTaken: holder !== undefined || isReservedToo }
}

/**
 * The new user, or undefined when the address or its mailbox is taken or reserved. Of racing registrations one wins. Takes a
 * transaction.
 */
export async function create(db: Database, registration: Registration, now: Date): Promise<store.User | undefined> {
  const user = await store.insert(db, { ...registration, createdAt: now })
  // No index holds a reservation. It is asked once the row is in: whoever gave the address up at that moment made us wait for
  // the unique index, and what he reserved can be seen only by a statement that begins after he committed.
  if (!user || !(await isReserved(db, registration, now, user.id))) return user
  await store.remove(db, user.id)
  return undefined
}

/** Thrown where the unique index would have been, had it held reservations too: the transaction is to be undone. */
class AddressReserved extends Error {}

/**
 * Changes a user, and the address too. Throws what the unique index throws, or `AddressReserved`, when somebody else took or
 * reserved it since it was asked about: asked again once the transaction is undone, `isEmailTaken` says so.
 */
export async function updateAddress(
  db: Database,
  id: number,
  changes: store.UserChanges,
  now: Date,
): Promise<store.User | undefined> {
  const user = await store.update(db, id, changes)
  if (!user) return undefined
  const { emailKey, mailboxKey, phone } = user as store.User & EmailColumns
  if ('emailKey' in changes && (await isReserved(db, { emailKey, mailboxKey }, now, id))) throw new AddressReserved()
  if (phone === null || !changes.phoneVerifiedAt) return user
  if (await isReserved(db, { phone }, now, id)) throw new AddressReserved()
  return user
}

/**
 * Runs a transaction, and once more when it was undone because somebody else was first to have an address: asked again, it
 * finds the address taken and says so, and what it has to keep for all that, a code used up, it keeps.
 */
export async function settleConflict<Verdict>(transaction: () => Promise<Verdict>): Promise<Verdict> {
  try {
    return await transaction()
  } catch (error) {
    if (error instanceof AddressReserved || isUniqueViolation(error)) return transaction()
    throw error
  }
}

/** Whether nobody else is an active admin. Locks every admin's row and the user's: before any other, in a transaction. */
export async function isLastAdmin(db: Database, id: number): Promise<boolean> {
  const active = (await store.lockAdmins(db, id)).filter(({ isActive }) => isActive)
  return active.length === 1 && active[0]?.id === id
}

/** A user as lists and registrations show it; exactly these fields in this order. */
export const userSummary = z
  .object({
    url: z.url().meta({ examples: ['http://localhost:8000/api/users/3/'] }),
    email: z.string().meta({ examples: ['sara@example.com'] }),
    id: z
      .int()
      .min(1)
      .meta({ examples: [3] }),
    first_name: z.string().meta({ examples: ['Sara'] }),
    last_name: z.string().meta({ examples: ['Karimi'] }),
  })
  .meta({ id: 'UserSummary' })

/** `base` is what absolute links begin with. */
export const toSummary = (user: store.User, base: string): z.output<typeof userSummary> => ({
  url: `${base}/api/users/${user.id}/`,
  email: user.email,
  id: user.id,
  first_name: user.firstName,
  last_name: user.lastName,
})
