/** No lone surrogate and no U+0000: text that every database, hash and mail can carry unchanged. */
export const isWellFormedText = (text: string): boolean => text.isWellFormed() && !text.includes('\0')

/** How many characters a person would say they typed, near enough: Unicode code points, not UTF-16 units. */
export function countCodePoints(text: string): number {
  let count = 0
  for (const _ of text) count += 1
  return count
}
