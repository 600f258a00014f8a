import type { ExpressionBuilder, Insertable, Selectable, Updateable } from 'kysely'
import { prepared } from '../../database/prepared.ts'
import { type Database, NOBODY, type Schema, type UsersTable } from '../../database/schema.ts'
import type { EmailKey, MailboxKey, Phone } from '../../kernel/address.ts'
import { addGrams, removeGrams, type Searched } from './grams-store.ts'
import { isReserved } from './reservations.ts'

export type User = Readonly<Selectable<UsersTable>>
export type NewUser = Insertable<UsersTable>
export type UserChanges = Updateable<UsersTable>

const byId = prepared((db, { id }: { id: number }) => db.selectFrom('users').selectAll().where('id', '=', id))

export const findById = async (db: Database, id: number): Promise<User | undefined> => (await byId(db, { id }))[0]

/** What says whether a user may act and as whom: all the guard asks at each request. */
export type UserStanding = Pick<User, 'adminSince' | 'deactivatedAt' | 'language'>

const standingById = prepared((db, { id }: { id: number }) =>
  db.selectFrom('users').select(['adminSince', 'deactivatedAt', 'language']).where('id', '=', id),
)

export const findStanding = async (db: Database, id: number): Promise<UserStanding | undefined> =>
  (await standingById(db, { id }))[0]

const byEmailKey = prepared((db, { key }: { key: EmailKey }) =>
  db.selectFrom('users').selectAll().where('emailKey', '=', key),
)

export const findByEmailKey = async (db: Database, key: EmailKey): Promise<User | undefined> =>
  (await byEmailKey(db, { key }))[0]

/** The one user who has this number verified (invariant I5). */
export const findByVerifiedPhone = (db: Database, phone: Phone): Promise<User | undefined> =>
  db
    .selectFrom('users')
    .selectAll()
    .where('phone', '=', phone)
    .where('phoneVerifiedAt', 'is not', null)
    .executeTakeFirst()

/** Undefined when the address or the mailbox is another user's: asked and taken in one statement. Takes a transaction. */
export async function insert(db: Database, user: NewUser): Promise<User | undefined> {
  const inserted = await db
    .insertInto('users')
    .values(user)
    .onConflict((conflict) => conflict.doNothing())
    .returningAll()
    .executeTakeFirst()
  if (inserted) await addGrams(db, inserted.id, inserted)
  return inserted
}

/** A change of what a user is searched by takes a transaction. */
export async function update(db: Database, id: number, changes: UserChanges): Promise<User | undefined> {
  const isFoundAnew = SEARCHED.some((column) => changes[column] !== undefined)
  // Locked, so that of two changes at once neither takes away what the other is found by.
  const before = isFoundAnew ? await lock(db, id) : undefined
  const user = await db.updateTable('users').set(changes).where('id', '=', id).returningAll().executeTakeFirst()
  if (!before || !user) return user
  await addGrams(db, id, user)
  await removeGrams(db, id, before, user)
  return user
}

const SEARCHED = ['email', 'firstName', 'lastName'] as const satisfies (keyof Searched)[]

/**
 * Locks a user's row for the rest of the transaction and gives it as it is then: for decisions that rest on several rows of
 * his, so that two at once do not each rely on what the other takes away.
 */
export const lock = async (db: Database, id: number): Promise<User | undefined> => (await lockById(db, { id }))[0]

const lockById = prepared((db, { id }: { id: number }) =>
  db
    .updateTable('users')
    .set((set) => ({ createdAt: set.ref('createdAt') }))
    .where('id', '=', id)
    .returningAll(),
)

/** Whether another user than `exceptId` has this address or its mailbox, or may still take it back. */
export async function isEmailTaken(db: Database, keys: EmailKeys, now: Date, exceptId?: number): Promise<boolean> {
  const taken = await whoHas(db, keys, exceptId).select('id').executeTakeFirst()
  return taken !== undefined || isReserved(db, keys, now, exceptId)
}

/** Another user than `exceptId` who has this address or its mailbox. */
export const findHolder = (db: Database, keys: EmailKeys, exceptId?: number): Promise<User | undefined> =>
  whoHas(db, keys, exceptId).selectAll().executeTakeFirst()

interface EmailKeys {
  readonly emailKey: EmailKey
  readonly mailboxKey: MailboxKey | null
}

const whoHas = (db: Database, { emailKey, mailboxKey }: EmailKeys, exceptId = NOBODY) =>
  db
    .selectFrom('users')
    .where((where) =>
      where.or([
        where('emailKey', '=', emailKey),
        ...(mailboxKey === null ? [] : [where('mailboxKey', '=', mailboxKey)]),
      ]),
    )
    .where('id', '!=', exceptId)

/** Whether another user has verified this number, or may still take it back. */
export async function isPhoneVerifiedByAnother(db: Database, phone: string, id: number, now: Date): Promise<boolean> {
  const holder = await db
    .selectFrom('users')
    .select('id')
    .where('phone', '=', phone)
    .where('phoneVerifiedAt', 'is not', null)
    .where('id', '!=', id)
    .executeTakeFirst()
  return holder !== undefined || isReserved(db, { phone }, now, id)
}

/**
 * Locks every admin's row, and this user's, for the rest of the transaction, so that two admins who leave at once do not each
 * rely on the other having stayed (invariant I6). Gives the admins.
 */
export async function lockAdmins(db: Database, userId: number): Promise<readonly { id: number; isActive: boolean }[]> {
  const admins = await db.selectFrom('users').select('id').where('adminSince', 'is not', null).execute()
  const toLock = new Set([...admins.map(({ id }) => id), userId])
  const locked: User[] = []
  // One after the other in this order: two who locked them as they come would each wait for the other.
  for (const id of [...toLock].toSorted((a, b) => a - b))
    locked.push(...[await lock(db, id)].filter((user) => user !== undefined))
  return locked
    .filter(({ adminSince }) => adminSince !== null)
    .map(({ id, deactivatedAt }) => ({ id, isActive: deactivatedAt === null }))
}

/** Takes a transaction. */
export async function remove(db: Database, id: number): Promise<boolean> {
  const removed = await db.deleteFrom('users').where('id', '=', id).returning(SEARCHED).executeTakeFirst()
  if (removed) await removeGrams(db, id, removed)
  return removed !== undefined
}

/** Deletes up to `limit` users made before then who never proved any address, and are no admins; gives their ids. Takes a transaction. */
export async function removeUnverified(db: Database, madeBefore: Date, limit: number): Promise<number[]> {
  const isUnverified = (where: ExpressionBuilder<Schema, 'users'>) =>
    where.and([
      where('createdAt', '<', madeBefore),
      where('emailVerifiedAt', 'is', null),
      where('phoneVerifiedAt', 'is', null),
      where('emailFirstProvenAt', 'is', null),
      where('adminSince', 'is', null),
    ])
  const some = db.selectFrom('users').select('id').where(isUnverified).orderBy('id').limit(limit)
  // Asked twice: PostgreSQL asks the outer question once more of a row that it had to wait for, and someone may just have
  // proven an address.
  const isStill = db.deleteFrom('users').where('id', 'in', some).where(isUnverified)
  const removed = await isStill.returning(['id', ...SEARCHED]).execute()
  for (const user of removed) await removeGrams(db, user.id, user)
  return removed.map(({ id }) => id)
}

export async function hasActiveAdmin(db: Database): Promise<boolean> {
  const admin = await db
    .selectFrom('users')
    .select('id')
    .where('adminSince', 'is not', null)
    .where('deactivatedAt', 'is', null)
    .limit(1)
    .executeTakeFirst()
  return admin !== undefined
}
