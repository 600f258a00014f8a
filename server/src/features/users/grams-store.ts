import type { Database } from '../../database/schema.ts'
import { gramsOf } from '../../kernel/grams.ts'

/** What a user is searched by. */
export interface Searched {
  readonly email: string
  readonly firstName: string
  readonly lastName: string
}

const gramsOfUser = ({ email, firstName, lastName }: Searched): string[] => gramsOf([email, firstName, lastName])

/** Lets a user be found. In the transaction that makes or changes him. */
export async function addGrams(db: Database, userId: number, searched: Searched): Promise<void> {
  const rows = gramsOfUser(searched).map((gram) => ({ gram, userId }))
  if (rows.length > 0)
    await db
      .insertInto('userGrams')
      .values(rows)
      .onConflict((conflict) => conflict.doNothing())
      .execute()
}

/** Takes away what a user was found by before, but for what he is still found by. After `addGrams`, in the same transaction. */
export async function removeGrams(db: Database, userId: number, before: Searched, after?: Searched): Promise<void> {
  const kept = new Set(after && gramsOfUser(after))
  const gone = gramsOfUser(before).filter((gram) => !kept.has(gram))
  if (gone.length > 0) await db.deleteFrom('userGrams').where('userId', '=', userId).where('gram', 'in', gone).execute()
}

/** What narrows a search down. */
export interface Narrowing {
  readonly gram: string
  /** Only so few have it that all of them may be looked at; otherwise they are looked through in windows. */
  readonly isRare: boolean
}

const RARE = 500

// The first of a long term tell enough.
const MOST_GRAMS = 16

/**
 * Of the grams that whoever matches all of these terms must have, the rarest. Undefined where the terms are too short to have
 * any; 'nobody' where no user has one of them.
 */
export async function rarestGram(db: Database, terms: readonly string[]): Promise<Narrowing | 'nobody' | undefined> {
  const grams = gramsOf(terms).slice(0, MOST_GRAMS)
  const [first, ...others] = grams.map((gram) => sampleOf(db, gram))
  if (!first) return undefined
  const samples = await db
    .selectFrom(others.reduce((all, sample) => all.unionAll(sample), first).as('samples'))
    .select((select) => ['gram', select.fn.countAll<number>().as('users'), select.fn.max('userId').as('reach')])
    .groupBy('gram')
    .execute()
  if (samples.length < grams.length) return 'nobody'
  // Where there are more than were sampled, those that reach furthest lie furthest apart.
  const [rarest] = samples.toSorted((a, b) => Number(a.users) - Number(b.users) || Number(b.reach) - Number(a.reach))
  return rarest && { gram: rarest.gram, isRare: Number(rarest.users) < RARE }
}

const sampleOf = (db: Database, gram: string) =>
  db
    .selectFrom(
      db
        .selectFrom('userGrams')
        .select(['gram', 'userId'])
        .where('gram', '=', gram)
        .orderBy('userId')
        .limit(RARE)
        .as('sample'),
    )
    .select(['gram', 'userId'])
