import { stopwatch } from '../../kernel/clock.ts'
import { Refusal } from '../../kernel/refusal.ts'

/** How much work there is: tasks running now, tasks waiting for one of them to end, tasks ended since the start. */
export interface Load {
  readonly running: number
  readonly waiting: number
  readonly done: number
}

/** What all tasks since the start came to. */
export interface Totals {
  /** Those that found too many waiting. */
  readonly refused: number
  readonly waitedSeconds: number
  readonly ranSeconds: number
}

/** Runs tasks, no more than so many at once, in the order they came. */
export interface Queue {
  /**
   * Settles as the task does. Refuses with `overloaded` when too many wait already. When `signal` fires while the task still
   * waits, gives up its place and rejects with the signal's reason; a task once begun runs to its end.
   */
  run<T>(task: () => Promise<T>, signal?: AbortSignal): Promise<T>
  load(): Load
  totals(): Totals
}

export function createQueue(atOnce: number, maxWaiting: number): Queue {
  const waiting = new Set<() => void>()
  let running = 0
  let done = 0
  const totals = { refused: 0, waitedSeconds: 0, ranSeconds: 0 }

  async function enter(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    if (running < atOnce) {
      running += 1
      return
    }
    if (waiting.size >= maxWaiting) {
      totals.refused += 1
      throw overloaded()
    }
    const elapsed = stopwatch()
    await placeIn(waiting, signal)
    totals.waitedSeconds += elapsed()
  }

  function leave(): void {
    done += 1
    const [next] = waiting
    // The place passes straight on, so that nobody who comes between can take it too.
    if (next === undefined) running -= 1
    else if (waiting.delete(next)) next()
  }

  return {
    async run(task, signal) {
      await enter(signal)
      const elapsed = stopwatch()
      try {
        return await task()
      } finally {
        totals.ranSeconds += elapsed()
        leave()
      }
    },
    load: () => ({ running, waiting: waiting.size, done }),
    totals: () => ({ ...totals }),
  }
}

/** Resolves when one who leaves passes his place on; rejects, the place given up, when the signal fires before. */
function placeIn(waiting: Set<() => void>, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const giveUp = () => {
      waiting.delete(begin)
      reject(signal!.reason as Error)
    }
    const begin = () => {
      signal?.removeEventListener('abort', giveUp)
      resolve()
    }
    waiting.add(begin)
    signal?.addEventListener('abort', giveUp, { once: true })
  })
}

// A full queue is worked off within a second.
const overloaded = () => new Refusal('overloaded', 'too many hashes wait already', { headers: { 'retry-after': '1' } })
