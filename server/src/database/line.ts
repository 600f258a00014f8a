import { PATIENCE_MILLISECONDS } from './busy.ts'
import { asError, DatabaseBusy, isBusy } from './errors.ts'

// Only the first in line looks, some 10 µs each time, and another process leaves the lock free for about as long: who looks
// seldom goes hungry beside one with a long line.
const FIRST_PAUSE_MILLISECONDS = 1
const LONGEST_PAUSE_MILLISECONDS = 10
const LOOKS_PER_PAUSE = 32

// Of a long line; then the lock is left for longer than others' first pause.
const MOST_IN_A_ROW = 16
const COURTESY_MILLISECONDS = 2

interface Waiting {
  /** Does what is waited for; false, and nothing done, while another process holds the lock. */
  turn(): boolean
}

/**
 * Those who wait for SQLite's one writer, in the order of asking: for the transaction open in this process, and for the
 * lock of another. No wait stops the event loop, and each ends in `DatabaseBusy` after about five seconds.
 */
export class Line {
  readonly #isFree: () => boolean
  readonly #mostInARow: number
  readonly #waiting: Waiting[] = []
  #looks = 0
  #inARow = 0
  #nextLook: NodeJS.Timeout | undefined

  /** `isFree`: no transaction is open in this process. Where the file `isShared`, a long line lets others in between. */
  constructor(isFree: () => boolean, isShared: boolean) {
    this.#isFree = isFree
    this.#mostInARow = isShared ? MOST_IN_A_ROW : Infinity
  }

  /** Does `work` when its turn comes. Work that throws BUSY, and only then before it did anything, is done again. */
  inTurn<T>(work: () => T | Promise<T>): T | Promise<T> {
    if (!this.#isFree() || this.#waiting.length > 0) return this.#wait(work)
    try {
      return work()
    } catch (error) {
      if (!isBusy(error)) throw error
      const served = this.#wait(work, error)
      this.#lookLater(this.#pause())
      return served
    }
  }

  /** Serves those in line until one of them opens a transaction, or another process holds the lock. */
  serve(): void {
    while (this.#isFree()) {
      if (this.#inARow >= this.#mostInARow) return this.#lookLater(COURTESY_MILLISECONDS)
      const first = this.#waiting.shift()
      if (!first) break
      if (!first.turn()) {
        this.#waiting.unshift(first)
        return this.#lookLater(this.#pause())
      }
      this.#looks = 0
      this.#inARow++
    }
    if (this.#waiting.length === 0) this.#inARow = 0
  }

  close(): void {
    clearTimeout(this.#nextLook)
  }

  #wait<T>(work: () => T | Promise<T>, lastRefusal?: unknown): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let cause = lastRefusal
      const waiting: Waiting = {
        turn() {
          try {
            resolve(work())
          } catch (error) {
            cause = error
            if (isBusy(error)) return false
            reject(asError(error))
          }
          clearTimeout(timer)
          return true
        },
      }
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1)
        reject(new DatabaseBusy(`another ${cause ? 'process' : 'transaction'} holds the database`, { cause }))
      }, PATIENCE_MILLISECONDS)
      this.#waiting.push(waiting)
    })
  }

  #pause(): number {
    const pause = FIRST_PAUSE_MILLISECONDS + Math.floor(this.#looks++ / LOOKS_PER_PAUSE)
    return Math.min(pause, LONGEST_PAUSE_MILLISECONDS)
  }

  #lookLater(milliseconds: number): void {
    this.#inARow = 0
    this.#nextLook ??= setTimeout(() => {
      this.#nextLook = undefined
      this.serve()
    }, milliseconds)
  }
}
