import type { Insertable, Selectable } from 'kysely'
import { bitByBit } from '../../database/bit-by-bit.ts'
import { prepared } from '../../database/prepared.ts'
import type { Database, SessionsTable } from '../../database/schema.ts'
import type { UserStanding } from '../users/service.ts'

export type Session = Readonly<Selectable<SessionsTable>>

/** What a session begins with. */
export type NewSession = Required<
  Pick<
    Insertable<SessionsTable>,
    | 'id'
    | 'userId'
    | 'rotatedAt'
    | 'createdAt'
    | 'authenticatedAt'
    | 'lastUsedAt'
    | 'idleExpiresAt'
    | 'expiresAt'
    | 'acr'
    | 'amr'
    | 'ip'
    | 'userAgent'
    | 'device'
    | 'network'
  >
>

/** Why a session is over, as its row keeps it. */
export type EndReason =
  | 'logout'
  | 'ended_by_user'
  | 'ended_by_admin'
  | 'refresh_token_reused'
  | 'password_changed'
  | 'password_reset'
  | 'two_factor_on'
  | 'change_undone'
  | 'deactivated'
  | 'ended_by_operator'
  | 'too_many_sessions'

const insertSession = prepared((db, session: NewSession) => {
  const { id, userId, rotatedAt, createdAt, authenticatedAt, lastUsedAt, idleExpiresAt, expiresAt } = session
  const { acr, amr, ip, userAgent, device, network } = session
  const moments = { rotatedAt, createdAt, authenticatedAt, lastUsedAt, idleExpiresAt, expiresAt }
  const values = { id, userId, ...moments, acr, amr, ip, userAgent, device, network }
  return db.insertInto('sessions').values(values).returningAll()
})

export async function insert(db: Database, session: NewSession): Promise<Session> {
  const [inserted] = await insertSession(db, session)
  return inserted!
}

const byId = prepared((db, { id }: { id: string }) => db.selectFrom('sessions').selectAll().where('id', '=', id))

export const findById = async (db: Database, id: string): Promise<Session | undefined> => (await byId(db, { id }))[0]

/** What says whether a user may act, as whom, and whether a session of his is over: all the guard asks at each request. */
export interface BearerRow extends UserStanding {
  readonly endedAt: Date | null
  readonly expiresAt: Date | null
}

const bearerOf = prepared((db, { userId, sessionId }: { userId: number; sessionId: string }) =>
  db
    .selectFrom('users')
    .leftJoin('sessions', (join) => join.onRef('sessions.userId', '=', 'users.id').on('sessions.id', '=', sessionId))
    .select(['adminSince', 'deactivatedAt', 'users.language', 'endedAt', 'expiresAt'])
    .where('users.id', '=', userId),
)

/**
 * The user, with what is to be known of the session where it is his. The one statement of this feature that reads `users`: it runs
 * before every request of somebody signed in, and two would cost twice as much.
 */
export const findBearer = async (db: Database, userId: number, sessionId: string): Promise<BearerRow | undefined> =>
  (await bearerOf(db, { userId, sessionId }))[0]

/** A use of a session's refresh token: of which generation, when, and where it moves the idle end. */
export interface Use {
  readonly id: string
  readonly generation: number
  readonly now: Date
  readonly idleExpiresAt: Date
}

const recordUse = (db: Database, { id, generation, now, idleExpiresAt }: Use) =>
  db
    .updateTable('sessions')
    .set({ lastUsedAt: now, idleExpiresAt })
    .where('id', '=', id)
    .where('generation', '=', generation)
    .where('endedAt', 'is', null)
    .where('idleExpiresAt', '>', now)
    .returningAll()

const recordRotation = prepared((db, { id, generation, next, now, idleExpiresAt }: Use & { next: number }) =>
  recordUse(db, { id, generation, now, idleExpiresAt }).set({ generation: next, rotatedAt: now }),
)

/** Moves a living session one generation on. Undefined when it is over or another request was first (invariant I3). */
export const rotate = async (db: Database, use: Use): Promise<Session | undefined> =>
  (await recordRotation(db, { ...use, next: use.generation + 1 }))[0]

/** Counts a repeated rotation as use. Undefined when the session is over or its successor was used meanwhile. */
export const touch = (db: Database, use: Use): Promise<Session | undefined> => recordUse(db, use).executeTakeFirst()

/** True for the one who ended it; false when it was over or is unknown. */
export async function end(db: Database, id: string, reason: EndReason, now: Date): Promise<boolean> {
  const ended = await db
    .updateTable('sessions')
    .set({ endedAt: now, endReason: reason })
    .where('id', '=', id)
    .where('endedAt', 'is', null)
    .returning('id')
    .executeTakeFirst()
  return ended !== undefined
}

/** True for the one who ended it; false when no such session of this user lives. */
export async function endOwn(
  db: Database,
  { id, userId }: Pick<Session, 'id' | 'userId'>,
  reason: EndReason,
  now: Date,
): Promise<boolean> {
  const ended = await db
    .updateTable('sessions')
    .set({ endedAt: now, endReason: reason })
    .where('id', '=', id)
    .where('userId', '=', userId)
    .where('endedAt', 'is', null)
    .where('idleExpiresAt', '>', now)
    .returning('id')
    .executeTakeFirst()
  return ended !== undefined
}

/** The user's living sessions, the one used last first. */
export const listLiving = (db: Database, userId: number, now: Date): Promise<Session[]> =>
  db
    .selectFrom('sessions')
    .selectAll()
    .where('userId', '=', userId)
    .where('endedAt', 'is', null)
    .where('idleExpiresAt', '>', now)
    .orderBy('lastUsedAt', 'desc')
    .orderBy('id', 'desc')
    .execute()

/** Ends every living session of the user; tells how many. */
export async function endAll(db: Database, userId: number, reason: EndReason, now: Date): Promise<number> {
  const ended = await db
    .updateTable('sessions')
    .set({ endedAt: now, endReason: reason })
    .where('userId', '=', userId)
    .where('endedAt', 'is', null)
    .returning('id')
    .execute()
  return ended.length
}

/** Ends every living session of the user but this one; tells how many. `onlyWithoutFactor` spares those that passed one. */
export async function endOthers(
  db: Database,
  { userId, exceptId, onlyWithoutFactor = false }: { userId: number; exceptId: string; onlyWithoutFactor?: boolean },
  reason: EndReason,
  now: Date,
): Promise<number> {
  let query = db
    .updateTable('sessions')
    .set({ endedAt: now, endReason: reason })
    .where('userId', '=', userId)
    .where('id', '!=', exceptId)
    .where('endedAt', 'is', null)
  if (onlyWithoutFactor) query = query.where('acr', '=', 'aal1')
  return (await query.returning('id').execute()).length
}

/** Ends every living session of everyone; tells how many. */
export async function endEveryones(db: Database, reason: EndReason, now: Date): Promise<number> {
  const ended = await db
    .updateTable('sessions')
    .set({ endedAt: now, endReason: reason })
    .where('endedAt', 'is', null)
    .returning('id')
    .execute()
  return ended.length
}

/** When the session that began last was used last. Of all of them no index tells: it would have to change at every refresh. */
export async function lastUse(db: Database): Promise<Date | undefined> {
  const last = await db
    .selectFrom('sessions')
    .select('lastUsedAt')
    .orderBy('id', 'desc') // UUIDv7: by time
    .limit(1)
    .executeTakeFirst()
  return last?.lastUsedAt
}

/** How many sessions live, counted from the newest one on up to `atMost`. */
export async function countLive(db: Database, now: Date, atMost: number): Promise<number> {
  const living = db
    .selectFrom('sessions')
    .select('id')
    .where('endedAt', 'is', null)
    .where('idleExpiresAt', '>', now)
    .orderBy('id', 'desc')
    .limit(atMost)
  const { count } = await db
    .selectFrom(living.as('living'))
    .select((select) => select.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow()
  return Number(count)
}

/** Ends the sessions used longest ago, so that no more than `keep` live. */
export async function endOldest(db: Database, userId: number, keep: number, now: Date): Promise<void> {
  await endAllBut(db, { userId, keep, now })
}

const endAllBut = prepared((db, { userId, keep, now }: { userId: number; keep: number; now: Date }) => {
  const kept = db
    .selectFrom('sessions')
    .select('id')
    .where('userId', '=', userId)
    .where('endedAt', 'is', null)
    .orderBy('lastUsedAt', 'desc')
    .orderBy('id', 'desc')
    .limit(keep)
  return db
    .updateTable('sessions')
    .set({ endedAt: now, endReason: 'too_many_sessions' satisfies EndReason })
    .where('userId', '=', userId)
    .where('endedAt', 'is', null)
    .where('id', 'not in', kept)
})

/** Notes what a living session proved, and what that makes of it. Undefined when it is over. */
export const markProven = (
  db: Database,
  id: string,
  proof: Partial<Pick<Session, 'emailProvenAt' | 'phoneProvenAt' | 'acr' | 'amr' | 'authenticatedAt'>>,
): Promise<Session | undefined> =>
  db
    .updateTable('sessions')
    .set(proof)
    .where('id', '=', id)
    .where('endedAt', 'is', null)
    .returningAll()
    .executeTakeFirst()

/** That a session proved a channel then; null: that it did not. */
export const channelProof = (
  channel: 'email' | 'phone',
  at: Date | null,
): Partial<Pick<Session, 'emailProvenAt' | 'phoneProvenAt'>> =>
  channel === 'email' ? { emailProvenAt: at } : { phoneProvenAt: at }

/** No session that lives has proven an address that has just taken another's place. */
export async function forgetProofs(db: Database, userId: number, channel: 'email' | 'phone'): Promise<void> {
  await db
    .updateTable('sessions')
    .set(channelProof(channel, null))
    .where('userId', '=', userId)
    .where('endedAt', 'is', null)
    .execute()
}

/** Rows whose tokens are all past their end serve nobody any more. */
export const removeExpired = (db: Database, now: Date): Promise<void> =>
  bitByBit((limit) => {
    const some = db.selectFrom('sessions').select('id').where('expiresAt', '<', now).limit(limit)
    return db.deleteFrom('sessions').where('id', 'in', some).executeTakeFirst()
  })
