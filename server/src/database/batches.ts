import { asError, sqlitePrimaryCode } from './errors.ts'
import type { Statements } from './statements.ts'

/** A bound on how long the first in a batch waits for the last: at about 10 µs a statement, less than 3 ms. */
const MOST_IN_A_BATCH = 256

// https://sqlite.org/rescode.html. After one of these SQLite has undone the statement, and it alone.
const HARMS_ITSELF_ALONE: ReadonlySet<unknown> = new Set([
  1, // ERROR: a mistake in the statement
  18, // TOOBIG
  19, // CONSTRAINT
  20, // MISMATCH
  25, // RANGE
])

interface Batch {
  readonly ended: PromiseWithResolvers<void>
  readonly endOfTurn: NodeJS.Immediate
  size: number
}

/**
 * Group commit: single writes of one turn of the event loop share a transaction, hence one wait for the disk. Each runs
 * at once, in the order of asking, and nobody learns how his went, well or badly, before all of them are on the disk.
 */
export class Batches {
  readonly #statements: Statements
  #open: Batch | undefined

  constructor(statements: Statements) {
    this.#statements = statements
  }

  /**
   * Does `work`, one statement, in the open batch or in a new one, and settles after the commit. One that fails fails
   * alone; when the disk or the commit fails, the whole batch has failed and left nothing behind. Throws at once, having
   * done nothing, where no batch can be begun.
   */
  join<T>(work: () => T): Promise<T> {
    return this.#doIn(this.#open ?? this.#begin(), work)
  }

  async #doIn<T>(batch: Batch, work: () => T): Promise<T> {
    const outcome = this.#attempt(work)
    if (++batch.size === MOST_IN_A_BATCH) this.commit()
    await batch.ended.promise
    return outcome()
  }

  /** Ends the open batch, if there is one, before it returns. A failure is told to those in the batch, not thrown. */
  commit(): void {
    if (this.#open === undefined) return
    try {
      this.#statements.commit()
      this.#close()?.resolve()
    } catch (error) {
      this.#undo(error)
    }
  }

  #begin(): Batch {
    this.#statements.begin()
    const endOfTurn = setImmediate(() => this.commit())
    this.#open = { ended: Promise.withResolvers(), endOfTurn, size: 0 }
    return this.#open
  }

  #attempt<T>(work: () => T): () => T {
    try {
      const result = work()
      return () => result
    } catch (error) {
      const isAlone = this.#statements.isInTransaction && isHarmlessToOthers(error)
      if (!isAlone) this.#undo(error)
      return () => {
        throw error
      }
    }
  }

  #undo(cause: unknown): void {
    this.#close()?.reject(asError(cause))
    this.#statements.rollback()
  }

  #close(): PromiseWithResolvers<void> | undefined {
    const ended = this.#open?.ended
    clearImmediate(this.#open?.endOfTurn)
    this.#open = undefined
    return ended
  }
}

/** What is no error of SQLite's was thrown before the statement ran, or after. */
function isHarmlessToOthers(error: unknown): boolean {
  const code = sqlitePrimaryCode(error)
  return code === undefined || HARMS_ITSELF_ALONE.has(code)
}
