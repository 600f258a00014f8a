import type { Database } from '../../database/schema.ts'
import type { EmailKey, MailboxKey } from '../../kernel/address.ts'

/*
 * Whoever changed an address can undo it for a while, and until then nobody else may have taken the old one. The changes
 * themselves are the account's business, far above this feature; but whether an address is free is asked here, by everyone
 * who makes or changes a user, so these two questions read their table.
 */

/** What an address is known by: the e-mail's two keys, or the number. */
export type AddressKeys =
  | { readonly emailKey: EmailKey; readonly mailboxKey: MailboxKey | null }
  | { readonly phone: string }

/** Whether another user than `exceptId` may still take this address back by undoing a change. */
export async function isReserved(db: Database, keys: AddressKeys, now: Date, exceptId = 0): Promise<boolean> {
  const reserved = await db
    .selectFrom('addressChanges')
    .select('id')
    .where('channel', '=', 'phone' in keys ? 'phone' : 'email')
    .where((where) => {
      if ('phone' in keys) return where('reservedKey', '=', keys.phone)
      const { emailKey, mailboxKey } = keys
      const same = where('reservedKey', '=', emailKey)
      return mailboxKey === null ? same : where.or([same, where('reservedMailboxKey', '=', mailboxKey)])
    })
    .where('userId', '!=', exceptId)
    .where('completedAt', 'is not', null)
    .where('endedAt', 'is', null)
    .where('undoUntil', '>', now)
    .limit(1)
    .executeTakeFirst()
  return reserved !== undefined
}
