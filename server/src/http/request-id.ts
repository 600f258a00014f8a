import type { Random } from '../kernel/random.ts'

/**
 * Names requests one after another: a random part for the process, a count for the request. Unique across processes and
 * restarts, and cheap; nobody has to be unable to guess it.
 */
export function createRequestIds(random: Random): () => string {
  const process = Buffer.from(random.bytes(8)).toString('hex')
  let count = 0
  return () => `req_${process}${(count++).toString(36).padStart(6, '0')}`
}
