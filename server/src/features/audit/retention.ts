import { setImmediate } from 'node:timers/promises'
import { takeLease } from '../../database/lease.ts'
import type { Database } from '../../database/schema.ts'
import type { Secret } from '../../kernel/secret.ts'
import { isOurs, type Link, provenLink, signCheckpoint, START } from './chain.ts'
import * as chain from './chain-store.ts'

const BATCH = 500

const LEASE = 'audit-retention'

export interface RetentionDeps {
  readonly secret: Secret
  /** Names this process among those that could remove. */
  readonly holder: string
}

export interface Removal {
  readonly removed: number
  /** The event that is not what was sealed: it and all behind it stay, however old. */
  readonly brokenAt?: number
}

/**
 * Removes the events at the beginning of the chain that are older than `moment`, leaving a signed checkpoint in their place.
 * What is not sealed stays, and so does what does not prove to be what was sealed: whoever writes into the database could
 * otherwise have us remove what he likes by making it look old.
 */
export async function removeOld(db: Database, deps: RetentionDeps, moment: Date, now: Date): Promise<Removal> {
  let removed = 0
  for (;;) {
    const batch = await db.transaction().execute((db) => removeBatch(db, deps, moment, now))
    removed += batch.removed
    if (batch.brokenAt !== undefined) return { removed, brokenAt: batch.brokenAt }
    if (batch.removed < BATCH) return { removed }
    await setImmediate() // requests in between
  }
}

async function removeBatch(db: Database, { secret, holder }: RetentionDeps, moment: Date, now: Date): Promise<Removal> {
  if (!(await takeLease(db, LEASE, holder, now))) return { removed: 0 }
  const checkpoint = await chain.newestCheckpoint(db)
  if (checkpoint && !isOurs(secret, checkpoint)) return { removed: 0, brokenAt: checkpoint.number }
  const from = checkpoint ?? START
  const { last, brokenAt } = await oldPrefix(db, secret, from, moment)
  if (last.number > from.number) {
    await chain.removeUpTo(db, last.number)
    await chain.replaceCheckpoint(db, signCheckpoint(secret, last), now)
  }
  return { removed: last.number - from.number, ...(brokenAt !== undefined && { brokenAt }) }
}

async function oldPrefix(
  db: Database,
  secret: Secret,
  from: Link,
  moment: Date,
): Promise<{ last: Link; brokenAt?: number }> {
  let last = from
  for (const event of await chain.sealedAfter(db, from.number, BATCH)) {
    const link = provenLink(secret, last, event)
    if (!link) return { last, brokenAt: last.number + 1 }
    if (event.at >= moment) break
    last = link
  }
  return { last }
}
