import type { Database, FactorFailuresTable } from '../../database/schema.ts'

/** What was tried, and to what end: each is counted and locked apart. */
export interface Tried {
  readonly userId: number
  readonly method: FactorFailuresTable['method']
  /** `sign_in` for tries from outside a session, so that strangers lock neither verification nor the second step. */
  readonly purpose: string
}

/** Counts a wrong try; gives the count, 0 where there is no such user: the same work for nobody. */
export async function countFailure(db: Database, { userId, method, purpose }: Tried): Promise<number> {
  const row = await db
    .insertInto('factorFailures')
    .columns(['userId', 'method', 'purpose', 'failures'])
    .expression(({ selectFrom, val, lit }) =>
      selectFrom('users')
        .select(['id', val(method).as('method'), val(purpose).as('purpose'), lit(1).as('failures')])
        .where('id', '=', userId),
    )
    .onConflict((conflict) =>
      conflict
        .columns(['userId', 'method', 'purpose'])
        .doUpdateSet((set) => ({ failures: set('factorFailures.failures', '+', 1) })),
    )
    .returning('failures')
    .executeTakeFirst()
  return row?.failures ?? 0
}

/** Wrong tries in a row, across resends. */
export async function failuresOf(db: Database, { userId, method, purpose }: Tried): Promise<number> {
  const row = await db
    .selectFrom('factorFailures')
    .select('failures')
    .where('userId', '=', userId)
    .where('method', '=', method)
    .where('purpose', '=', purpose)
    .executeTakeFirst()
  return row?.failures ?? 0
}

/** Counts from nought again, after a success or for an operator; tells how many counters there were. */
export async function forgetFailures(
  db: Database,
  userId: number,
  only: Partial<Pick<Tried, 'method' | 'purpose'>> = {},
): Promise<number> {
  let query = db.deleteFrom('factorFailures').where('userId', '=', userId)
  if (only.method) query = query.where('method', '=', only.method)
  if (only.purpose) query = query.where('purpose', '=', only.purpose)
  return (await query.returning('method').execute()).length
}
