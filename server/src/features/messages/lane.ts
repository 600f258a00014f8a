/** One channel's queue in work: several at a time, so that one slow answer holds up neither the next nor the other channel. */
export interface Lane {
  /** Works until nothing is due and nothing in hand. Called while at work, it makes the lane look once more. */
  run(): Promise<void>
  /** Takes nothing more in hand; resolves when what was in hand is done. */
  drain(): Promise<void>
}

/**
 * `take` claims up to so many that are due; `work` does one, and never rejects. A rejecting `take` rejects `run`, while what
 * is in hand goes on.
 */
export function createLane<T>(
  width: number,
  take: (limit: number) => Promise<readonly T[]>,
  work: (item: T) => Promise<void>,
): Lane {
  const inHand = new Set<Promise<void>>()
  let nudge = Promise.withResolvers<void>()
  let nudged = false
  let draining = false
  let running: Promise<void> | undefined

  function begin(item: T): void {
    const done = work(item).finally(() => inHand.delete(done))
    inHand.add(done)
  }

  async function fill(): Promise<void> {
    const free = width - inHand.size
    if (free > 0 && !draining) for (const item of await take(free)) begin(item)
  }

  async function loop(): Promise<void> {
    for (;;) {
      nudged = false
      nudge = Promise.withResolvers<void>()
      await fill()
      if (inHand.size === 0 && !nudged) return
      if (!nudged) await Promise.race([...inHand, nudge.promise])
    }
  }

  return {
    run() {
      nudged = true
      nudge.resolve()
      running ??= loop().finally(() => {
        running = undefined
      })
      return running
    },
    async drain() {
      draining = true
      await Promise.all(inHand)
    },
  }
}
