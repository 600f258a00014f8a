import { z } from 'zod'
import type { Database } from '../../database/schema.ts'
import { type Email, type EmailKey, emailKey, type MailboxKey, mailboxKey } from '../../kernel/address.ts'
import * as store from './store.ts'

export type { User, UserChanges, UserStanding } from './store.ts'
export {
  countUsers,
  findById,
  findByVerifiedPhone,
  findStanding,
  hasActiveAdmin,
  isEmailTaken,
  isPhoneVerifiedByAnother,
  lock as lockUser,
  page,
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
}

/** The new user, or undefined when the address or its mailbox is taken. Of racing registrations one wins. */
export const create = (db: Database, registration: Registration, now: Date): Promise<store.User | undefined> =>
  store.insert(db, { ...registration, createdAt: now })

export type Departure = 'done' | 'last_admin' | 'gone'

/** Deletes the user and all that hangs on it. The last active admin stays (invariant I6). Takes a transaction. */
export async function remove(db: Database, id: number): Promise<Departure> {
  if (await isLastAdmin(db, id)) return 'last_admin'
  return (await store.remove(db, id)) ? 'done' : 'gone'
}

/** Closes the account to sign-in; its data stay. The last active admin stays active. Takes a transaction. */
export async function deactivate(db: Database, id: number, now: Date): Promise<Departure> {
  if (await isLastAdmin(db, id)) return 'last_admin'
  return (await store.update(db, id, { deactivatedAt: now })) ? 'done' : 'gone'
}

async function isLastAdmin(db: Database, id: number): Promise<boolean> {
  const active = (await store.lockAdmins(db)).filter(({ isActive }) => isActive)
  return active.length === 1 && active[0]?.id === id
}

/** Opens a deactivated account to sign-in again. False when there is no such user. */
export const activate = async (db: Database, id: number): Promise<boolean> =>
  (await store.update(db, id, { deactivatedAt: null })) !== undefined

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
