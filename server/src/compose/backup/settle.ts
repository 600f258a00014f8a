import type { Database } from '../../database/schema.ts'
import { lastUserId, skipUserIds } from '../../database/user-ids.ts'
import { removeAllPasswordTokens, removeAllRegistrations } from '../../features/account/service.ts'
import { createAudit } from '../../features/audit/service.ts'
import { removeAllAnswers } from '../../features/idempotency/service.ts'
import { resealQueued } from '../../features/messages/service.ts'
import { voidAll } from '../../features/otp/service.ts'
import { endEveryones } from '../../features/sessions/service.ts'
import { BY_OPERATOR } from '../../kernel/act.ts'
import type { Random } from '../../kernel/random.ts'
import type { Secret } from '../../kernel/secret.ts'

export interface Settlement {
  /** When the database was as it is now. */
  readonly madeAt: Date
  readonly now: Date
  readonly secret: Secret
  readonly random: Random
  /** The highest user id the database it takes the place of has given out, where that one can tell. */
  readonly lastKnownUserId: number | undefined
}

/** What became of what cannot be as it was. */
export interface Settled {
  readonly sessions: number
  readonly codes: number
  readonly passwordTokens: number
  readonly messagesKept: number
  readonly messagesGivenUp: number
  /** The next user's id is higher than this. */
  readonly idsUpTo: number
}

/**
 * Makes what is true of the past safe for the present, all or nothing. What has ended since would live again, so every session
 * ends (invariants I2, I7) and every open code and link is void (I4); user ids go on where none can have been given out (I9).
 * What was changed since is as it was, and nothing in the database can tell.
 */
export const settle = (db: Database, settlement: Settlement): Promise<Settled> =>
  db.transaction().execute(async (db) => {
    const { now, secret, random, madeAt } = settlement
    const sessions = await endEveryones(db, 'ended_by_operator', now)
    const codes = (await voidAll(db, now)) + (await removeAllRegistrations(db))
    const passwordTokens = await removeAllPasswordTokens(db)
    await removeAllAnswers(db)
    const { resealed, givenUp } = await resealQueued(db, { from: secret, to: secret, random }, now)
    const idsUpTo = freeFrom(await lastUserId(db), settlement)
    await skipUserIds(db, idsUpTo)
    const details = { made_at: madeAt.toISOString(), sessions, ids_up_to: idsUpTo }
    await createAudit({ random }).record(db, BY_OPERATOR, { type: 'backup_restored', userId: null, details }, now)
    return { sessions, codes, passwordTokens, messagesKept: resealed, messagesGivenUp: givenUp, idsUpTo }
  })

// More than one machine can hash the passwords of, day and night; and some for what came in the first moments.
const IDS_A_SECOND = 10
const IDS_AT_ONCE = 10_000

/**
 * An id behind every one that can have been given out since. It grows with time, so that ids are never met again either when one
 * backup is restored a second time.
 */
function freeFrom(last: number, { madeAt, now, lastKnownUserId = 0 }: Settlement): number {
  const seconds = Math.ceil((now.getTime() - madeAt.getTime()) / 1000)
  return Math.max(last + IDS_AT_ONCE + seconds * IDS_A_SECOND, lastKnownUserId)
}
