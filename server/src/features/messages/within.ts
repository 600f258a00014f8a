import { setTimeout } from 'node:timers/promises'
import type { Duration } from '../../kernel/duration.ts'

/** What the promise resolves to, or undefined when it takes longer. It goes on unobserved then: nothing can stop a promise. */
export async function within<T>(limit: Duration, promise: Promise<T>): Promise<T | undefined> {
  const decided = new AbortController()
  try {
    return await Promise.race([promise, setTimeout(limit, undefined, { signal: decided.signal })])
  } finally {
    decided.abort()
  }
}
