/** Where the time comes from. Read once an operation, so that one act has one moment (STYLE.md rule 8). */
export interface Clock {
  now(): Date
}

/** The machine's own clock. */
export const systemClock: Clock = { now: () => new Date(Date.now()) }

/** Begins to measure how long work takes; what it gives back tells the seconds since. Decides nothing: for that, a `Clock`. */
export function stopwatch(): () => number {
  const begun = performance.now()
  return () => (performance.now() - begun) / 1000
}
