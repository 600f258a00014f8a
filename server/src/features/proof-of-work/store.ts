import { bitByBit } from '../../database/bit-by-bit.ts'
import type { Database } from '../../database/schema.ts'

/** Uses a proof up. False for all but one of those who try. */
export async function takeProof(db: Database, challenge: string, expiresAt: Date): Promise<boolean> {
  const taken = await db
    .insertInto('usedProofs')
    .values({ challenge, expiresAt })
    .onConflict((conflict) => conflict.doNothing())
    .returning('challenge')
    .executeTakeFirst()
  return taken !== undefined
}

/** Forgets used challenges that ended before this moment: no longer good, used or not. */
export const removeUsedProofs = (db: Database, moment: Date): Promise<void> =>
  bitByBit((limit) => {
    const some = db.selectFrom('usedProofs').select('challenge').where('expiresAt', '<', moment).limit(limit)
    return db.deleteFrom('usedProofs').where('challenge', 'in', some).executeTakeFirst()
  })
