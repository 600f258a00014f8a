import type { Database } from '../../database/schema.ts'
import type { Secret } from '../../kernel/secret.ts'
import { type Checkpoint, isOurs, type Link, provenLink, sameBytes, START, type StoredEvent } from './chain.ts'
import * as chain from './chain-store.ts'

/** Held in memory at once: some 2 MiB. */
const PAGE = 1000

/** What is wrong with the first event that is. */
export type Flaw =
  /** Its columns are not what was sealed: the next event vouches for its mac. */
  | 'changed'
  /** Its mac is not what it and the event before it give: one of the two was changed or put in another's place. */
  | 'wrong_mac'
  /** The chain goes on, or ends, without it. */
  | 'missing'
  /** It has a number that was taken away with those before it. */
  | 'out_of_place'
  | 'checkpoint_signature'

export interface Broken {
  readonly number: number
  /** Null where there is no event to name. */
  readonly id: string | null
  readonly flaw: Flaw
}

export interface Proof {
  /** Where it began: the last event that retention removed, 0 where none was. */
  readonly checkpoint: number
  /** How many events were found to be what was sealed. */
  readonly proven: number
  /** The last of them; a cut tail shows only against one noted before. */
  readonly last: Link
  /** Waiting to be sealed: nothing vouches for these yet. */
  readonly unsealed: number
  readonly broken?: Broken
}

/**
 * Proves the chain from the newest checkpoint to its end or to the first event at fault, in pages, beside a server or
 * without one. `onPage` is told how many events are proven so far.
 */
export async function proveChain(
  db: Database,
  secret: Secret,
  onPage: (proven: number) => void = () => {},
): Promise<Proof> {
  const checkpoint = (await chain.newestCheckpoint(db)) ?? START
  const broken = await flawAtStart(db, secret, checkpoint)
  const walk = broken ? { proven: 0, last: checkpoint, broken } : await walkOn(db, secret, checkpoint, onPage)
  const { proven, last } = walk
  return {
    checkpoint: checkpoint.number,
    proven,
    last: { number: last.number, mac: last.mac },
    unsealed: await chain.countUnsealed(db),
    ...(walk.broken && { broken: walk.broken }),
  }
}

async function flawAtStart(db: Database, secret: Secret, from: Link | Checkpoint): Promise<Broken | undefined> {
  if ('signature' in from && !isOurs(secret, from))
    return { number: from.number, id: null, flaw: 'checkpoint_signature' }
  const left = await chain.sealedBefore(db, from.number)
  return left && { number: left.number ?? from.number, id: left.id, flaw: 'out_of_place' }
}

interface Walk {
  readonly proven: number
  readonly last: Link
  readonly broken?: Broken
}

async function walkOn(db: Database, secret: Secret, from: Link, onPage: (proven: number) => void): Promise<Walk> {
  let [last, proven] = [from, 0]
  for (;;) {
    const page = await chain.sealedAfter(db, last.number, PAGE)
    if (page.length === 0) return { proven, last }
    const [end, misfit] = walkPage(secret, last, page)
    proven += end.number - last.number
    last = end
    onPage(proven)
    if (!misfit) continue
    const further = await removedMeanwhile(db, secret, last, misfit)
    if (!further) return { proven, last, broken: await flawOf(db, secret, last, misfit) }
    last = further
  }
}

/** The last link that is proven; where that is not the page's last, the event behind it, which does not fit. */
function walkPage(secret: Secret, from: Link, page: readonly StoredEvent[]): [Link, StoredEvent?] {
  let last = from
  for (const event of page) {
    const link = provenLink(secret, last, event)
    if (!link) return [last, event]
    last = link
  }
  return [last]
}

/** Beside a running server retention may take the next events away: then the chain goes on from its new checkpoint. */
async function removedMeanwhile(
  db: Database,
  secret: Secret,
  last: Link,
  event: StoredEvent,
): Promise<Link | undefined> {
  if (event.number === last.number + 1) return undefined
  const checkpoint = await chain.newestCheckpoint(db)
  if (!checkpoint || checkpoint.number <= last.number || !isOurs(secret, checkpoint)) return undefined
  return checkpoint
}

async function flawOf(db: Database, secret: Secret, last: Link, event: StoredEvent): Promise<Broken> {
  const number = last.number + 1
  if (event.number !== number) return { number, id: null, flaw: 'missing' }
  const [next] = await chain.sealedAfter(db, number, 1)
  const isVouchedFor = next !== undefined && event.mac !== null && provenLink(secret, { number, mac: event.mac }, next)
  return { number, id: event.id, flaw: isVouchedFor ? 'changed' : 'wrong_mac' }
}

/** What to note of the chain as it is now; undefined while nothing was ever sealed. */
export const endOfChain = (db: Database): Promise<Link | undefined> => chain.lastLink(db)

export type NotedStanding = 'as_noted' | 'different' | 'missing' | 'removed'

/** Whether a link somebody noted down is still in the chain: what is cut off its end shows here and nowhere else. */
export async function compareNoted(db: Database, noted: Link): Promise<NotedStanding> {
  const event = (await chain.newestCheckpoint(db)) ?? START
  if (noted.number < event.number) return 'removed'
  const stored = noted.number === event.number ? event : await chain.findSealed(db, noted.number)
  if (!stored) return 'missing'
  return sameBytes(noted.mac, stored.mac) ? 'as_noted' : 'different'
}
