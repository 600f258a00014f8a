import { setTimeout } from 'node:timers/promises'
import { Kysely, type TransactionBuilder } from 'kysely'
import { systemRandom } from '../kernel/random.ts'
import { NothingDone } from './errors.ts'
import type { Schema } from './schema.ts'

const ATTEMPTS = 3
const FIRST_PAUSE_MILLISECONDS = 10

/** Does `work` at most three times, where the database says each time that nothing of it was done. */
export async function repeated<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof NothingDone) || attempt === ATTEMPTS) throw error
    }
    // By chance, so that two who stood in each other's way do not meet again; by nobody's choice, hence the machine's own.
    const longest = FIRST_PAUSE_MILLISECONDS * 4 ** attempt
    await setTimeout(systemRandom.integer(FIRST_PAUSE_MILLISECONDS, longest))
  }
}

/**
 * Kysely whose transactions are done again, whole and at most three times, when the server has undone them (two in each
 * other's way, a connection lost before the commit was sent). What a transaction's function does must therefore be in the
 * database alone, or harmless to do twice. A connection lost while committing is never tried again.
 */
export class RepeatingKysely extends Kysely<Schema> {
  override transaction(): TransactionBuilder<Schema> {
    const builder = super.transaction()
    const once = builder.execute.bind(builder)
    builder.execute = (work) => repeated(() => once(work))
    return builder
  }
}
