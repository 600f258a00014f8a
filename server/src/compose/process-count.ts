import { availableParallelism } from 'node:os'
import type { Config } from '../config.ts'

/** How many processes serve; `auto` is one for each core this process may use, which a container's limit lowers. */
export function processCount({ scale: { processes } }: Pick<Config, 'scale'>): number {
  return processes === 'auto' ? availableParallelism() : processes
}
