import { z } from 'zod'
import type { StoredEvent } from './chain.ts'
import { EVENT_TYPES } from './event.ts'

export const ACTORS = ['anonymous', 'user', 'operator', 'system'] as const

const told = {
  id: z.uuid().meta({ examples: ['019aa9c4-5d7e-7c3a-9b1f-2f60d1a7c8e5'] }),
  at: z.iso.datetime().meta({ examples: ['2026-11-22T12:00:00.000Z'] }),
  type: z.enum(EVENT_TYPES).meta({ examples: ['signed_in'] }),
  result: z.enum(['success', 'failure']).meta({ examples: ['success'] }),
}

const ip = z
  .string()
  .nullable()
  .meta({ examples: ['192.0.2.7'] })

const device = z
  .string()
  .nullable()
  .meta({ examples: ['Firefox on Windows'] })

const details = z.record(z.string(), z.unknown()).meta({
  description: 'What belongs to this type of event. No secret; addresses are masked.',
  examples: [{ acr: 'aal1', amr: ['pwd'] }],
})

const nextAt = (path: string) =>
  z
    .url()
    .nullable()
    .meta({ examples: [`http://localhost:8000${path}?cursor=AZqpxF1-fDqbHy9g0afI5Q`] })

const activity = z
  .object({
    ...told,
    by: z.enum(['you', 'admin', 'operator', 'system', 'anonymous']).meta({ examples: ['you'] }),
    ip,
    device,
    details,
  })
  .meta({ id: 'Activity' })

export const activityPage = z
  .object({ results: z.array(activity), next: nextAt('/api/activity/') })
  .meta({ id: 'ActivityPage' })

const auditEvent = z
  .object({
    ...told,
    number: z
      .int()
      .min(1)
      .nullable()
      .meta({ description: 'Its place in the chain.', examples: [48213] }),
    user_id: z
      .int()
      .nullable()
      .meta({ description: 'On whom.', examples: [3] }),
    actor: z.enum(ACTORS).meta({ examples: ['user'] }),
    actor_id: z
      .int()
      .nullable()
      .meta({ description: 'Which user acted.', examples: [3] }),
    ip,
    device: z.string().meta({ examples: ['Firefox on Windows'] }),
    request_id: z
      .string()
      .nullable()
      .meta({ examples: ['req_0a7c129c062744aa000004'] }),
    details,
  })
  .meta({ id: 'AuditEvent' })

export const auditPage = z
  .object({ results: z.array(auditEvent), next: nextAt('/api/audit/') })
  .meta({ id: 'AuditPage' })

/** What is told of every event alike. */
const toTold = ({ id, at, type, result, details: stored }: StoredEvent) => ({
  id,
  at: at.toISOString(),
  type: type as (typeof EVENT_TYPES)[number],
  result,
  details: parsed(stored),
})

/** An event as the user it happened to may read it. */
export function toActivity(event: StoredEvent, userId: number): z.output<typeof activity> {
  const by = byWhom(event, userId)
  // Of an attempt by nobody known, where it came from is what its target needs to know.
  const { ip, device } = by === 'you' || by === 'anonymous' ? event : { ip: null, device: null }
  return { ...toTold(event), by, ip, device: device || null }
}

function byWhom({ actor, actorId }: StoredEvent, userId: number): z.output<typeof activity>['by'] {
  if (actor !== 'user') return actor
  return actorId === userId ? 'you' : 'admin'
}

export const toAudit = (event: StoredEvent): z.output<typeof auditEvent> => ({
  ...toTold(event),
  number: event.number,
  user_id: event.userId,
  actor: event.actor,
  actor_id: event.actorId,
  ip: event.ip,
  device: event.device,
  request_id: event.requestId,
})

/** Details that are no JSON were tampered with: the chain says so, and the list goes on. */
function parsed(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : {}
  } catch {
    return {}
  }
}
