import { AsyncLocalStorage } from 'node:async_hooks'
import type { Answer, World } from '../world.ts'

/** A write of the API: what must stand before it, and the request itself, which can be made again. */
export interface Operation {
  readonly name: string
  readonly success: number
  /** Beside those of every other. */
  readonly settings?: Readonly<Record<string, string>>
  prepare(world: World): Promise<() => Promise<Answer>>
  /** It is two steps, each whole, and the first may be done without the second. */
  readonly firstStep?: readonly string[]
  /** Its success ends a row of failures. */
  readonly forgetsFailures?: true
}

/** True within the operation asked, as against what the server does beside it. */
export const operation = new AsyncLocalStorage<true>()
