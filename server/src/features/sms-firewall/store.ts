import { sql, type Insertable, type Selectable } from 'kysely'
import { bitByBit } from '../../database/bit-by-bit.ts'
import type { Database, Schema } from '../../database/schema.ts'

type DecisionRow = Insertable<Schema['smsDecisions']>
type Subject = 'country' | 'prefix' | 'destination' | 'network'

/** Waits until every other transaction that decides is over: what is counted from here on stays so until the commit. */
export async function passGate(db: Database, now: Date): Promise<void> {
  await db.updateTable('smsGate').set({ passedAt: now }).execute()
}

export async function insertDecision(db: Database, decision: DecisionRow): Promise<void> {
  await db.insertInto('smsDecisions').values(decision).execute()
}

export async function removeDecision(db: Database, id: string): Promise<void> {
  await db.deleteFrom('smsDecisions').where('id', '=', id).execute()
}

export async function markVerified(db: Database, id: string, now: Date): Promise<void> {
  await db.updateTable('smsDecisions').set({ verifiedAt: now }).where('id', '=', id).execute()
}

export const removeBefore = (db: Database, moment: Date): Promise<void> =>
  bitByBit((limit) => {
    const some = db.selectFrom('smsDecisions').select('id').where('at', '<', moment).limit(limit)
    return db.deleteFrom('smsDecisions').where('id', 'in', some).executeTakeFirst()
  })

// In the words of the indexes, which hold nothing else; a parameter would not be seen to say the same.
const ALLOWED = sql.lit<'allowed'>('allowed')
const NOTHING = sql.lit(0)

export interface Counted {
  readonly subject: Subject
  readonly value: string
  /** Undefined: both. */
  readonly isOwners: boolean | undefined
  readonly since: Date
}

/** When the `cap`-th newest code that was allowed since then was sent; undefined while there were fewer. */
export async function nthNewest(
  db: Database,
  { subject, value, isOwners, since }: Counted,
  cap: number,
): Promise<Date | undefined> {
  let query = db
    .selectFrom('smsDecisions')
    .select('at')
    .where('decision', '=', ALLOWED)
    .where(subject, '=', value)
    .where('at', '>', since)
  if (isOwners !== undefined) query = query.where('isOwners', '=', isOwners)
  const row = await query
    .orderBy('at', 'desc')
    .limit(1)
    .offset(cap - 1)
    .executeTakeFirst()
  return row?.at
}

export interface Spending {
  readonly spent: number
  /** The oldest code among what was spent on. */
  readonly oldestAt: Date | undefined
}

export async function spentSince(db: Database, since: Date): Promise<Spending> {
  const paid = db
    .selectFrom('smsDecisions')
    .where('decision', '=', ALLOWED)
    .where('at', '>', since)
    .where('price', '>', NOTHING)
  const { spent } = await paid.select((eb) => eb.fn.sum<number | null>('price').as('spent')).executeTakeFirstOrThrow()
  const oldest = await paid.select('at').orderBy('at').limit(1).executeTakeFirst()
  return { spent: Number(spent ?? 0), oldestAt: oldest?.at }
}

/** Strangers' codes to a prefix, the newest first; `settledBefore` leaves out those that may still be proven. */
export const newestTo = (
  db: Database,
  prefix: string,
  { since, settledBefore }: { readonly since: Date; readonly settledBefore: Date },
  limit: number,
): Promise<Pick<Selectable<Schema['smsDecisions']>, 'at' | 'verifiedAt'>[]> =>
  db
    .selectFrom('smsDecisions')
    .select(['at', 'verifiedAt'])
    .where('decision', '=', ALLOWED)
    .where('prefix', '=', prefix)
    .where('at', '>', since)
    .where('isOwners', '=', false)
    .where('reason', 'is', null)
    .where((eb) => eb.or([eb('at', '<=', settledBefore), eb('verifiedAt', 'is not', null)]))
    .orderBy('at', 'desc')
    .limit(limit)
    .execute()

/** What was decided since then, by what the report tells apart. */
export const tally = (db: Database, since: Date) =>
  db
    .selectFrom('smsDecisions')
    .select((eb) => [
      'country',
      'prefix',
      'mode',
      'decision',
      'reason',
      eb.fn.countAll<number>().as('count'),
      eb.fn.count<number>('verifiedAt').as('verified'),
      eb.fn.sum<number>('price').as('price'),
    ])
    .where('at', '>', since)
    .groupBy(['country', 'prefix', 'mode', 'decision', 'reason'])
    .execute()
