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

  /** True when there is nothing more to take: it looked and nothing was due, or it may not look any more. */
  async function fill(): Promise<boolean> {
    const free = width - inHand.size
    if (draining || free === 0) return draining
    const items = await take(free)
    for (const item of items) begin(item)
    return items.length === 0
  }

  async function loop(): Promise<void> {
    for (;;) {
      nudged = false
      nudge = Promise.withResolvers<void>()
      const exhausted = await fill()
      if (nudged) continue
      if (inHand.size > 0) await Promise.race([...inHand, nudge.promise])
      else if (exhausted) return
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
