import { sql, type ExpressionBuilder } from 'kysely'
import { bitByBit } from '../../database/bit-by-bit.ts'
import type { Database, DeliveriesTable, Schema } from '../../database/schema.ts'

export type Channel = DeliveriesTable['channel']

/** A message to be stored until it is sent. */
export interface NewDelivery {
  readonly id: string
  readonly channel: Channel
  readonly userId: number | null
  readonly template: string
  readonly sealed: Uint8Array
  readonly deadline: Date
}

/**
 * A delivery this worker has in hand. `attempts` counts this one, and so tells whether the hand is still ours.
 *
 * A message may have been taken by its gateway though nobody recorded it: the answer was lost (`maybe_taken`), or the worker
 * between the two (its lease ran out). After the first time, by either cause, `maybeTakenAt` says so for good, and the message
 * is tried again; after a second time it is given up. So it arrives at most twice, whoever sends it and in whatever order.
 */
export interface Claim {
  readonly id: string
  readonly channel: Channel
  readonly template: string
  readonly sealed: Uint8Array | null
  readonly attempts: number
  readonly deadline: Date
  readonly maybeTakenAt: Date | null
}

/** Begins the reason of what was given up because it may have been taken twice. */
export const NO_ANSWER_TWICE = 'no answer twice'

/** Its worker was lost, and it may have been taken before: nobody takes it in hand any more, and it is given up. */
const isLostTwice = (eb: ExpressionBuilder<Schema, 'deliveries'>) =>
  eb.and([eb('leasedUntil', 'is not', null), eb('maybeTakenAt', 'is not', null)])

export async function insertDelivery(db: Database, delivery: NewDelivery, now: Date): Promise<void> {
  await db
    .insertInto('deliveries')
    .values({ ...delivery, ...QUEUED, createdAt: now, nextAttemptAt: now })
    .execute()
}

const QUEUED = { status: 'queued', reason: null, finishedAt: null } as const

export const TO_NOBODY = 'to nobody'

/** The same statement with as many bytes as storing a message, but nothing in them, and nothing will be sent. */
export async function insertDecoy(db: Database, delivery: NewDelivery, now: Date): Promise<void> {
  // The message itself would be a stranger's address kept; its length is what writing it costs.
  const reason = TO_NOBODY.padEnd(delivery.sealed.length)
  const over = { sealed: null, status: 'dead', reason, finishedAt: now } as const
  await db
    .insertInto('deliveries')
    .values({ ...delivery, ...over, createdAt: now, nextAttemptAt: now })
    .execute()
}

/** How many messages of this kind a user was given since then, whatever became of them. */
export async function countSince(db: Database, userId: number, template: string, since: Date): Promise<number> {
  const { count } = await db
    .selectFrom('deliveries')
    .select((select) => select.fn.countAll().as('count'))
    .where('userId', '=', userId)
    .where('template', '=', template)
    .where('createdAt', '>', since)
    .executeTakeFirstOrThrow()
  return Number(count)
}

/** Whether anything waits for a worker: an attempt that is due, a lease or a deadline that ran out. Takes no lock. */
export async function hasDue(db: Database, now: Date): Promise<boolean> {
  const due = await db
    .selectFrom('deliveries')
    .select('id')
    .where('status', '=', 'queued')
    .where('nextAttemptAt', '<=', now)
    .limit(1)
    .executeTakeFirst()
  return due !== undefined
}

const INTERRUPTED = 'interrupted'

/**
 * Takes up to `limit` due deliveries of a channel in hand until `leasedUntil`; no other worker gets them before. One whose
 * lease ran out was interrupted, perhaps after it was sent (see `Claim`).
 */
export async function claimDue(
  db: Database,
  wanted: { channel: Channel; gateway: string; limit: number; leasedUntil: Date },
  now: Date,
): Promise<Claim[]> {
  const { channel, gateway, limit, leasedUntil } = wanted
  const due = db
    .selectFrom('deliveries')
    .select('id')
    .where('status', '=', 'queued')
    .where('channel', '=', channel)
    .where('nextAttemptAt', '<=', now)
    .where('deadline', '>', now)
    .where((eb) => eb.not(isLostTwice(eb)))
    .orderBy('nextAttemptAt')
    // Not as a parameter: of one, PostgreSQL's general plan expects a tenth of all that wait, and would rather read the table.
    .limit(sql.lit(limit))
    // What another worker is taking at this moment is its own; the next ones are ours, without waiting for it.
    .forUpdate()
    .skipLocked()
  return (
    db
      // Not inside of `in`, where PostgreSQL may ask it several times and so take more than `limit`.
      .with('due', () => due)
      .updateTable('deliveries')
      .set((eb) => {
        const ifInterrupted = eb.case().when('leasedUntil', 'is not', null)
        return {
          leasedUntil,
          // One moment says for every queued row when a worker must look at it again.
          nextAttemptAt: leasedUntil,
          attempts: eb('attempts', '+', 1),
          gateway,
          reason: ifInterrupted.then(INTERRUPTED).else(eb.ref('reason')).end(),
          maybeTakenAt: ifInterrupted.then(now).else(eb.ref('maybeTakenAt')).end(),
        }
      })
      .where('id', 'in', (eb) => eb.selectFrom('due').select('id'))
      .returning(['id', 'channel', 'template', 'sealed', 'attempts', 'deadline', 'maybeTakenAt'])
      .execute()
  )
}

/** What became of an attempt; `maybeTakenAt` where its answer was lost. */
export type Settlement =
  | { readonly status: 'sent'; readonly gatewayId: string | null; readonly gateway?: string }
  | (LostOrNot & { readonly status: 'queued'; readonly nextAttemptAt: Date; readonly reason: string })
  | (LostOrNot & { readonly status: 'dead'; readonly reason: string })

interface LostOrNot {
  readonly maybeTakenAt?: Date
}

/** Records it, unless the lease ran out and another worker took over. The message is wiped once sent or dead. */
export async function settle(db: Database, claim: Claim, settlement: Settlement, now: Date): Promise<void> {
  const finished = settlement.status === 'queued' ? {} : { sealed: null, finishedAt: now }
  await db
    .updateTable('deliveries')
    .set({ ...settlement, ...finished, leasedUntil: null })
    .where('id', '=', claim.id)
    .where('status', '=', 'queued')
    .where('attempts', '=', claim.attempts)
    .execute()
}

/** A delivery given up, for the log. */
export interface Buried {
  readonly id: string
  readonly channel: Channel
  readonly template: string
  readonly reason: string | null
}

/** Gives up what is past its deadline and what may have been taken twice, unless a worker has it in hand. */
export async function buryHopeless(db: Database, now: Date): Promise<Buried[]> {
  return db
    .updateTable('deliveries')
    .set((eb) => ({
      status: 'dead' as const,
      sealed: null,
      finishedAt: now,
      leasedUntil: null,
      reason: eb
        .case()
        .when('deadline', '>', now)
        .then(sql<string>`${sql.lit(NO_ANSWER_TWICE)} || '; ' || reason`)
        .when('reason', 'is', null)
        .then('expired')
        .else(sql<string>`'expired; ' || reason`)
        .end(),
    }))
    .where('status', '=', 'queued')
    .where('nextAttemptAt', '<=', now)
    .where((eb) => eb.or([eb('deadline', '<=', now), isLostTwice(eb)]))
    .returning(['id', 'channel', 'template', 'reason'])
    .execute()
}

export const deleteFinishedBefore = (db: Database, moment: Date): Promise<void> =>
  bitByBit((limit) => {
    const some = db.selectFrom('deliveries').select('id').where('finishedAt', '<', moment).limit(limit)
    return db.deleteFrom('deliveries').where('id', 'in', some).executeTakeFirst()
  })

/** Every message that waits, with the channel's lease or without. */
export const queuedDeliveries = (db: Database): Promise<{ id: string; sealed: Uint8Array | null }[]> =>
  db.selectFrom('deliveries').select(['id', 'sealed']).where('status', '=', 'queued').execute()

export async function replaceSealed(db: Database, id: string, sealed: Uint8Array): Promise<void> {
  await db.updateTable('deliveries').set({ sealed }).where('id', '=', id).where('status', '=', 'queued').execute()
}

/** Gives up a message that waits. */
export async function bury(db: Database, id: string, reason: string, now: Date): Promise<void> {
  await db
    .updateTable('deliveries')
    .set({ status: 'dead', sealed: null, finishedAt: now, leasedUntil: null, reason })
    .where('id', '=', id)
    .where('status', '=', 'queued')
    .execute()
}

/** What waits in the outbox and what was given up, for whoever looks after it. */
export interface Backlog {
  readonly queued: number
  /** Since when the message that waits longest has been due. */
  readonly dueSince: Date | undefined
  readonly dead: readonly { readonly channel: Channel; readonly reason: string; readonly count: number }[]
}

/** `deadSince` bounds what was given up; the reasons that took most come first, ten at most. */
export async function backlog(db: Database, deadSince: Date): Promise<Backlog> {
  const waiting = await db
    .selectFrom('deliveries')
    .select((eb) => [eb.fn.countAll<number>().as('count')])
    .where('status', '=', 'queued')
    .executeTakeFirstOrThrow()
  const longest = await db
    .selectFrom('deliveries')
    .select('nextAttemptAt')
    .where('status', '=', 'queued')
    .orderBy('nextAttemptAt')
    .limit(1)
    .executeTakeFirst()
  const dead = await db
    .selectFrom('deliveries')
    .select((eb) => ['channel', 'reason', eb.fn.countAll<number>().as('count')])
    .where('status', '=', 'dead')
    .where((eb) => eb.or([eb('reason', 'is', null), eb('reason', 'not like', `${TO_NOBODY}%`)]))
    .where('finishedAt', '>=', deadSince)
    .groupBy(['channel', 'reason'])
    .orderBy('count', 'desc')
    .limit(10)
    .execute()
  return {
    queued: Number(waiting.count),
    dueSince: longest?.nextAttemptAt,
    dead: dead.map(({ channel, reason, count }) => ({ channel, reason: reason ?? 'unknown', count: Number(count) })),
  }
}
