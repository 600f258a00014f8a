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
  /** Some that whoever matches must have, the rarest first. */
  readonly grams: readonly [string, ...string[]]
  /** Only so few have the first that all of them may be looked at; otherwise they are looked through in windows. */
  readonly isRare: boolean
}

const RARE = 300

// Of a longer term these tell enough; what each costs is the reading of so many entries of an index.
const MOST_SAMPLED = 40

// One leads, and others are asked before anybody's row is read.
const MOST_USED = 4

/**
 * What is rarest of what whoever matches all of these terms must have. Undefined where the terms are too short to have any gram;
 * 'nobody' where no user has one of them.
 */
export async function narrow(db: Database, terms: readonly string[]): Promise<Narrowing | 'nobody' | undefined> {
  const grams = evenly(gramsOf(terms), MOST_SAMPLED)
  const [first, ...others] = grams.map((gram) => sampleOf(db, gram))
  if (!first) return undefined
  const samples = await db
    .selectFrom(others.reduce((all, sample) => all.unionAll(sample), first).as('samples'))
    .select((select) => ['gram', select.fn.countAll<number>().as('users'), select.fn.max('userId').as('reach')])
    .groupBy('gram')
    .execute()
  if (samples.length < grams.length) return 'nobody'
  // Where there are more than were sampled, those that reach furthest lie furthest apart.
  const rarest = samples.toSorted((a, b) => Number(a.users) - Number(b.users) || Number(b.reach) - Number(a.reach))
  const [leading, ...rest] = eachTermFirst(
    rarest.map(({ gram }) => gram),
    terms,
  )
  return leading === undefined
    ? undefined
    : { grams: [leading, ...rest.slice(0, MOST_USED - 1)], isRare: Number(rarest[0]?.users) < RARE }
}

/** The rarest, then the rarest of each other term, since a term's own grams mostly come together; then what is left. */
function eachTermFirst(rarestFirst: readonly string[], terms: readonly string[]): string[] {
  const ofTerms = terms.map((term) => {
    const own = new Set(gramsOf([term]))
    return rarestFirst.find((gram) => own.has(gram))
  })
  const chosen = new Set(ofTerms)
  return [...rarestFirst.filter((gram) => chosen.has(gram)), ...rarestFirst.filter((gram) => !chosen.has(gram))]
}

/** At most so many, from all over the list. */
const evenly = (all: readonly string[], most: number): string[] =>
  all.length <= most
    ? [...all]
    : Array.from({ length: most }, (_, index) => all[Math.floor((index * all.length) / most)]!)

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
