import type { Database } from '../../database/schema.ts'
import type { Act } from '../../kernel/act.ts'
import type { Count } from '../../kernel/count.ts'
import { type Random, uuidv7 } from '../../kernel/random.ts'
import { deviceName } from './device-name.ts'
import { countEvent } from './count-event.ts'
import type { AuditEvent } from './event.ts'
import * as store from './store.ts'

export { deviceName } from './device-name.ts'
export type { AuditEvent, EventType } from './event.ts'
export { maskedAddress } from './masked-address.ts'
export { compareNoted, endOfChain, type NotedStanding, type Proof, proveChain } from './proof.ts'
export { type Rechained, rechain } from './rechain.ts'
export { removeOld, type RetentionDeps } from './retention.ts'
export { type Sealing, sealing } from './sealing.ts'

/** The record of what happened to accounts. */
export interface Audit {
  /** Through `db`, the transaction of the act itself: what is on record happened, and what happened is on record. */
  record(db: Database, act: Act, event: AuditEvent, now: Date): Promise<void>
}

interface AuditDeps {
  readonly random: Random
  /** Undefined where nothing is counted. */
  readonly count?: Count | undefined
}

export const createAudit = ({ random, count }: AuditDeps): Audit => ({
  async record(db, { actor, ip, userAgent, requestId }, event, now) {
    const { type, userId, result = 'success', details = {} } = event
    await store.insert(db, {
      id: uuidv7(random, now),
      at: now,
      type,
      result,
      userId,
      actor: actor.kind,
      actorId: actor.kind === 'user' ? actor.userId : null,
      ip,
      device: deviceName(userAgent),
      requestId,
      details: JSON.stringify(details),
    })
    if (count) countEvent(count, event)
  },
})
