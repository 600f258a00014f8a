/**
 * How often a time of the one kind is longer than one of the other, from 0 to 1; a half where nothing tells them apart. It is
 * the U of Mann and Whitney, divided by the number of pairs: it looks at ranks alone, so that neither the speed of the machine
 * nor what else it does matters, as long as it does that to both.
 */
export function shareLonger(these: readonly number[], those: readonly number[]): number {
  let longer = 0
  for (const one of these) for (const other of those) longer += one > other ? 1 : one === other ? 0.5 : 0
  return longer / (these.length * those.length)
}

/** By how many standard deviations of chance a share differs from a half, for so many times of each kind. */
export const deviations = (share: number, count: number): number =>
  (share - 0.5) / Math.sqrt((2 * count + 1) / (12 * count * count))

/** The time in the middle. */
export const median = (times: readonly number[]): number => times.toSorted((a, b) => a - b)[times.length >> 1]!
