import { SETTING_NAMES, settingNamed } from './settings.ts'

/** Every name we read: the settings, and for each secret the name of its file. */
export const KNOWN_NAMES: readonly string[] = SETTING_NAMES.flatMap((name) =>
  settingNamed(name).secret ? [name, `${name}_FILE`] : [name],
)

// Names every hosting platform sets in its own variants; what nearly misses them is somebody else's.
const COMMON = ['DATABASE_URL', 'REDIS_URL']
const SHORTEST_DISTINCTIVE = 8
const SHORTEST_FOR_TWO_EDITS = 13

/**
 * The name of ours that one in the environment was meant to be, or undefined when it is more likely somebody else's. Short
 * names of ours (HOST, PORT, DEBUG) have too many neighbours to tell; two slips are believed of long names alone, since
 * PROJECT_NAME is no PRODUCT_NAME.
 */
export function nearMiss(name: string): string | undefined {
  if (KNOWN_NAMES.includes(name)) return undefined
  const { known, edits } = nearest(
    name,
    (candidate) => candidate.length >= SHORTEST_DISTINCTIVE && !isCommon(candidate),
  )
  return edits <= (known.length < SHORTEST_FOR_TWO_EDITS ? 1 : 2) ? known : undefined
}

const isCommon = (name: string): boolean => COMMON.includes(name.replace(/_FILE$/, ''))

/** The name of ours that one in `.env` was most likely meant to be, or undefined when none is like it. */
export function suggestion(name: string): string | undefined {
  const { known, edits } = nearest(name, () => true)
  if (edits <= Math.min(3, Math.floor(known.length / 2))) return known
  const contained = KNOWN_NAMES.filter((known) => known.length >= SHORTEST_DISTINCTIVE && name.includes(known))
  return contained.toSorted((a, b) => b.length - a.length)[0]
}

function nearest(name: string, isCandidate: (known: string) => boolean): { known: string; edits: number } {
  return KNOWN_NAMES.filter(isCandidate)
    .map((known) => ({ known, edits: editDistance(name.toUpperCase(), known) }))
    .reduce((best, next) => (next.edits < best.edits ? next : best))
}

// No name of ours is longer; what is this much longer cannot be near, and costs nothing to pass over.
const LONGEST_COMPARED = 60

/** Insertions, deletions, replacements and swaps of neighbours between two words (optimal string alignment). */
export function editDistance(a: string, b: string): number {
  if (a.length > LONGEST_COMPARED) return Infinity
  let twoBack: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row]
    for (let column = 1; column <= b.length; column += 1) {
      const same = a[row - 1] === b[column - 1]
      const swapped = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      const replaced = previous[column - 1]! + (same ? 0 : 1)
      const swap = swapped && row > 1 ? twoBack[column - 2]! + 1 : Infinity
      current.push(Math.min(previous[column]! + 1, current[column - 1]! + 1, replaced, swap))
    }
    twoBack = previous
    previous = current
  }
  return previous[b.length]!
}
