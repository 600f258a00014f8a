import type { Database } from '../../database/schema.ts'
import type { Secret } from '../../kernel/secret.ts'
import { hex, type Link, linkOf, signCheckpoint, START } from './chain.ts'
import * as chain from './chain-store.ts'
import { type Broken, proveChain } from './proof.ts'

const PAGE = 500

export interface Rechained {
  readonly events: number
  /** What was wrong with the chain before: nothing shows that any more but the record of this change. */
  readonly broken: Broken | undefined
  /** The last event that proved to be what was sealed under the old secret, and its mac. */
  readonly last: { readonly number: number; readonly mac: string }
}

/**
 * Proves the chain under the old secret and makes it anew under the new one, from where it stands: what was missing before
 * is closed up. Takes the transaction in which everything else moves.
 */
export async function rechain(db: Database, { from, to }: { from: Secret; to: Secret }, now: Date): Promise<Rechained> {
  const { broken, last } = await proveChain(db, from)
  const checkpoint = await chain.newestCheckpoint(db)
  if (checkpoint) await chain.replaceCheckpoint(db, signCheckpoint(to, checkpoint), now)
  const start = checkpoint ?? START
  await chain.unsealUpTo(db, start.number)
  const events = await sealAllAnew(db, to, start)
  return { events, broken, last: { number: last.number, mac: hex(last.mac) } }
}

async function sealAllAnew(db: Database, secret: Secret, start: Link): Promise<number> {
  let link = start
  let read = start.number
  for (;;) {
    const page = await chain.sealedAfter(db, read, PAGE)
    for (const event of page) {
      const next = linkOf(secret, link, event)
      await chain.sealAnew(db, event.id, next)
      link = next
    }
    const { number } = page.at(-1) ?? { number: null }
    if (number === null) return link.number - start.number
    read = number
  }
}
