import { setImmediate } from 'node:timers/promises'
import type { FastifyBaseLogger } from 'fastify'
import { giveUpLease, takeLease } from '../../database/lease.ts'
import type { Database } from '../../database/schema.ts'
import type { Clock } from '../../kernel/clock.ts'
import { seconds } from '../../kernel/duration.ts'
import type { Secret } from '../../kernel/secret.ts'
import { hex, type Link, linkOf, START } from './chain.ts'
import * as chain from './chain-store.ts'

// How long what was written can be taken back unseen by whoever writes into the database.
const EVERY = seconds(5)

/** SQLite's one writer, and everybody's event loop, is held for all of a batch: some 5 ms. */
const BATCH = 100

const LEASE = 'audit-sealer'

export interface SealerDeps {
  readonly secret: Secret
  readonly clock: Clock
  /** Names this process among those that could seal. */
  readonly holder: string
}

/**
 * Numbers the events that wait and chains them to the last, in the order of sealing: what is committed late comes in the
 * next batch. Gives the last link made; undefined where nothing waited, or another process seals.
 */
export async function sealDue(db: Database, deps: SealerDeps, isStopping = () => false): Promise<Link | undefined> {
  let last: Link | undefined
  // Asked first, so that an idle server writes nothing.
  while (!isStopping() && (await chain.hasUnsealed(db))) {
    const link = await sealBatch(db, deps)
    if (!link) return last
    last = link
    await setImmediate() // requests in between
  }
  return last
}

const sealBatch = (db: Database, { secret, clock, holder }: SealerDeps): Promise<Link | undefined> =>
  db.transaction().execute(async (db) => {
    if (!(await takeLease(db, LEASE, holder, clock.now()))) return undefined
    let link = (await chain.lastLink(db)) ?? START
    for (const event of await chain.unsealed(db, BATCH)) {
      const next = linkOf(secret, link, event)
      if (await chain.seal(db, event.id, next)) link = next
    }
    return link
  })

/** Seals now and every few seconds. Gives back what stops it, which resolves when the batch in hand is sealed. */
export function startSealer(db: Database, deps: SealerDeps, log: FastifyBaseLogger): () => Promise<void> {
  let isStopping = false
  let sealing: Promise<void> | undefined
  const seal = async (): Promise<void> => {
    try {
      const last = await sealDue(db, deps, () => isStopping)
      // Where logs are kept elsewhere, this is the note a cut tail is held against.
      if (last) log.info({ number: last.number, mac: hex(last.mac) }, 'audit sealed')
    } catch (err) {
      log.error({ err }, 'the audit could not be sealed; it will be tried again')
    }
    sealing = undefined
  }
  const look = () => {
    sealing ??= seal()
  }
  look()
  const timer = setInterval(look, EVERY).unref()
  return async () => {
    clearInterval(timer)
    isStopping = true
    await sealing
    await giveUpLease(db, LEASE, deps.holder).catch((err: unknown) => log.warn({ err }, 'the lease of the audit stays'))
  }
}
