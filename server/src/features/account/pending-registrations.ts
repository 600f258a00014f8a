import type { Insertable, Selectable } from 'kysely'
import { bitByBit } from '../../database/bit-by-bit.ts'
import type { Database } from '../../database/schema.ts'
import type { PendingRegistrationsTable } from '../../database/schema-registrations.ts'
import { NO_PASSWORD } from '../passwords/service.ts'

export type PendingRegistration = Readonly<Selectable<PendingRegistrationsTable>>

/** Which address is to be registered, and what stands for it and the network of whoever asks. */
export type Binding = Pick<PendingRegistration, 'emailKey' | 'asker'>

/**
 * Puts a registration in place of the one before of the same address and network. False while that one is younger than the
 * cooldown: asked and taken in one statement, so that of racing requests one is mailed.
 */
export async function replace(
  db: Database,
  registration: Insertable<PendingRegistrationsTable>,
  cooldownSince: Date,
): Promise<boolean> {
  const replaced = await db
    .insertInto('pendingRegistrations')
    .values(registration)
    .onConflict((conflict) =>
      conflict
        .columns(['emailKey', 'asker'])
        .doUpdateSet(({ ref }) => ({
          id: ref('excluded.id'),
          email: ref('excluded.email'),
          passwordHash: ref('excluded.passwordHash'),
          firstName: ref('excluded.firstName'),
          lastName: ref('excluded.lastName'),
          codeHash: ref('excluded.codeHash'),
          tries: 0,
          triesElsewhere: 0,
          createdAt: ref('excluded.createdAt'),
          expiresAt: ref('excluded.expiresAt'),
          consumedAt: null,
        }))
        .where('pendingRegistrations.createdAt', '<=', cooldownSince),
    )
    .returning('id')
    .executeTakeFirst()
  return replaced !== undefined
}

/** When this network was last mailed a code for this address, or its owner a word in its place. */
export async function askedAt(db: Database, { emailKey, asker }: Binding): Promise<Date | undefined> {
  const row = await db
    .selectFrom('pendingRegistrations')
    .select('createdAt')
    .where('emailKey', '=', emailKey)
    .where('asker', '=', asker)
    .executeTakeFirst()
  return row?.createdAt
}

/**
 * Spends one try of every open registration of an address and gives back those that had one left: those asked for from this
 * network count its tries, the others everyone else's.
 */
export const takeTries = (
  db: Database,
  { emailKey, asker }: Binding,
  now: Date,
  maxTries: number,
): Promise<PendingRegistration[]> =>
  db
    .updateTable('pendingRegistrations')
    .set((set) => ({
      tries: set
        .case()
        .when('asker', '=', asker)
        .then(set('tries', '+', 1))
        .else(set.ref('tries'))
        .end(),
      triesElsewhere: set
        .case()
        .when('asker', '=', asker)
        .then(set.ref('triesElsewhere'))
        .else(set('triesElsewhere', '+', 1))
        .end(),
    }))
    .where('emailKey', '=', emailKey)
    .where('consumedAt', 'is', null)
    .where('expiresAt', '>', now)
    .where((where) =>
      where.or([
        where.and([where('asker', '=', asker), where('tries', '<', maxTries)]),
        where.and([where('asker', '!=', asker), where('triesElsewhere', '<', maxTries)]),
      ]),
    )
    .returningAll()
    .execute()

/** Whether another network, too, has asked to register the address since then. */
export async function isContested(db: Database, { emailKey, asker }: Binding, since: Date): Promise<boolean> {
  const other = await db
    .selectFrom('pendingRegistrations')
    .select('id')
    .where('emailKey', '=', emailKey)
    .where('asker', '!=', asker)
    .where('createdAt', '>', since)
    .limit(1)
    .executeTakeFirst()
  return other !== undefined
}

const over = (now: Date) => ({ consumedAt: now, passwordHash: NO_PASSWORD })

/** Uses a registration up. False for all but one (invariant I4). */
export async function consume(db: Database, id: string, now: Date): Promise<boolean> {
  const consumed = await db
    .updateTable('pendingRegistrations')
    .set(over(now))
    .where('id', '=', id)
    .where('consumedAt', 'is', null)
    .returning('id')
    .executeTakeFirst()
  return consumed !== undefined
}

/** Ends every other one of the address. Their rows stay: whoever asked for them learns nothing from a shorter cooldown. */
export async function endAll(db: Database, emailKey: string, now: Date): Promise<void> {
  await db
    .updateTable('pendingRegistrations')
    .set(over(now))
    .where('emailKey', '=', emailKey)
    .where('consumedAt', 'is', null)
    .execute()
}

/** Registrations long over; kept a while past their end, so that the cooldown still sees them. */
export const removeExpired = (db: Database, before: Date): Promise<void> =>
  bitByBit((limit) => {
    const some = db.selectFrom('pendingRegistrations').select('id').where('expiresAt', '<', before).limit(limit)
    // Asked twice: it may have been asked for anew just now.
    return db
      .deleteFrom('pendingRegistrations')
      .where('id', 'in', some)
      .where('expiresAt', '<', before)
      .executeTakeFirst()
  })

/** Drops every one there is: once the secret has changed, no code can be right. Tells how many there were. */
export async function removeAll(db: Database): Promise<number> {
  return (await db.deleteFrom('pendingRegistrations').returning('id').execute()).length
}
