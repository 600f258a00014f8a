import type { Database } from '../../database/schema.ts'

/** How far the chain is, for whoever watches it. */
export interface Sealing {
  /** Events that wait to be chained; counted up to ten thousand. */
  readonly unsealed: number
  /** The last event that was; 0 where none is. */
  readonly lastNumber: number
}

// A scrape must cost the same whatever piles up.
const MOST_COUNTED = 10_000

export async function sealing(db: Database): Promise<Sealing> {
  const { count } = await db
    .selectFrom((from) =>
      from.selectFrom('auditEvents').select('id').where('number', 'is', null).limit(MOST_COUNTED).as('some'),
    )
    .select((select) => select.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow()
  const last = await db
    .selectFrom('auditEvents')
    .select('number')
    .where('number', 'is not', null)
    .orderBy('number', 'desc')
    .limit(1)
    .executeTakeFirst()
  return { unsealed: Number(count), lastNumber: Number(last?.number ?? 0) }
}
