import type { Selectable } from 'kysely'
import { bitByBit } from '../../database/bit-by-bit.ts'
import type { Database } from '../../database/schema.ts'
import type { IdempotentAnswersTable } from '../../database/schema-requests.ts'

type Row = Selectable<IdempotentAnswersTable>

export type Known = Readonly<Pick<Row, 'bodyHash' | 'sealed'>>

/** What says whose row it is: the row, and which of those who tried has it. */
export type Hold = Readonly<Pick<Row, 'id' | 'claim'>>

/**
 * Takes the row, unless somebody has it in hand or it has its answer: asked and taken in one statement. What lies there for
 * longer than it counts, answer or not, is as if it were not there.
 */
export async function take(db: Database, row: Omit<Row, 'sealed'>, now: Date): Promise<boolean> {
  const taken = await db
    .insertInto('idempotentAnswers')
    .values(row)
    .onConflict((conflict) =>
      conflict
        .column('id')
        .doUpdateSet({ ...row, sealed: null })
        .where(({ and, eb, or }) =>
          or([
            eb('idempotentAnswers.expiresAt', '<=', now),
            and([eb('idempotentAnswers.sealed', 'is', null), eb('idempotentAnswers.claimedUntil', '<=', now)]),
          ]),
        ),
    )
    .returning('claim')
    .executeTakeFirst()
  return taken !== undefined
}

export const find = (db: Database, id: string): Promise<Known | undefined> =>
  db.selectFrom('idempotentAnswers').select(['bodyHash', 'sealed']).where('id', '=', id).executeTakeFirst()

/** Keeps the answer. False where the row is no longer in the hands of this claim, or has its answer. */
export async function keep(db: Database, { id, claim }: Hold, sealed: Uint8Array): Promise<boolean> {
  const kept = await db
    .updateTable('idempotentAnswers')
    .set({ sealed })
    .where('id', '=', id)
    .where('claim', '=', claim)
    .where('sealed', 'is', null)
    .returning('id')
    .executeTakeFirst()
  return kept !== undefined
}

/** Gives the row back for the next one who tries. Does nothing to an answer, nor to what another has in hand by now. */
export async function release(db: Database, { id, claim }: Hold): Promise<void> {
  await db
    .deleteFrom('idempotentAnswers')
    .where('id', '=', id)
    .where('claim', '=', claim)
    .where('sealed', 'is', null)
    .execute()
}

export const removeExpired = (db: Database, now: Date): Promise<void> =>
  bitByBit((limit) => {
    const some = db.selectFrom('idempotentAnswers').select('id').where('expiresAt', '<=', now).limit(limit)
    // Asked twice: the key may have been taken anew just now.
    return db.deleteFrom('idempotentAnswers').where('id', 'in', some).where('expiresAt', '<=', now).executeTakeFirst()
  })

export async function removeAll(db: Database): Promise<void> {
  await db.deleteFrom('idempotentAnswers').execute()
}
