import type { Database } from '../../database/schema.ts'
import type { Random } from '../../kernel/random.ts'
import type { Secret } from '../../kernel/secret.ts'
import { sealContent, unsealContent } from './content.ts'
import { bury, queuedDeliveries, replaceSealed } from './outbox.ts'

export interface Resealed {
  /** Messages that will be sent as if nothing had happened. */
  readonly resealed: number
  /** Messages whose code is good for nothing any more, or that did not open. */
  readonly givenUp: number
}

const CODE_IS_VOID = 'its code is void: the secret was changed'
const UNREADABLE = 'it does not open under the secret'

/** Seals what waits to be sent under another secret; gives up what carries a code. Takes a transaction. */
export async function resealQueued(
  db: Database,
  { from, to, random }: { from: Secret; to: Secret; random: Random },
  now: Date,
): Promise<Resealed> {
  const queued = await queuedDeliveries(db)
  let resealed = 0
  for (const { id, sealed } of queued) {
    const content = sealed ? unsealContent(from, sealed, id) : undefined
    if (content && content.code === undefined) {
      await replaceSealed(db, id, sealContent(to, content, id, random))
      resealed += 1
    } else await bury(db, id, content ? CODE_IS_VOID : UNREADABLE, now)
  }
  return { resealed, givenUp: queued.length - resealed }
}
