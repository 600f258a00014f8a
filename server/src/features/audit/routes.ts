import { z } from 'zod'
import type { Database } from '../../database/schema.ts'
import type { BaseUrlRules } from '../../http/base-url.ts'
import * as fields from '../../http/fields.ts'
import { refusals } from '../../http/openapi.ts'
import { cursorOf, cursorParameter, limitOf, limitParameter, pageLink } from '../../http/page.ts'
import * as parameters from '../../http/parameters.ts'
import type { App } from '../../http/server.ts'
import type { StoredEvent } from './chain.ts'
import { EVENT_TYPES } from './event.ts'
import { type EventPage, listEvents } from './listing.ts'
import { activityPage, ACTORS, auditPage, toActivity, toAudit } from './wire.ts'

export interface AuditRouteDeps {
  readonly db: Database
  readonly urls: BaseUrlRules
}

const DEFAULT_LIMIT = 20

const paging = { cursor: cursorParameter(), limit: limitParameter(DEFAULT_LIMIT) }

export function auditRoutes(app: App, deps: AuditRouteDeps): void {
  activityRoute(app, deps)
  auditRoute(app, deps)
}

function activityRoute(app: App, { db, urls }: AuditRouteDeps): void {
  app.get(
    '/api/activity/',
    {
      config: { access: { who: 'signed_in' } },
      schema: {
        operationId: 'listActivity',
        tags: ['Activity'],
        summary: 'Read what happened to your account',
        description:
          'Newest first. Where an admin, the operator or the server itself did it, `ip` and `device` are null: those are theirs.',
        querystring: z.object(paging),
        response: { 200: activityPage, ...refusals('invalid') },
      },
    },
    async (request) => {
      const { userId } = request.caller!
      const { cursor, limit } = request.query
      const page = await listEvents(db, { userId }, { after: cursor, limit: limitOf(limit, DEFAULT_LIMIT) })
      return {
        results: page.events.map((event) => toActivity(event, userId)),
        next: nextOf(page, (changes) => pageLink(urls, request, changes)),
      }
    },
  )
}

const nextOf = ({ next }: EventPage, link: (changes: { cursor: string }) => string): string | null =>
  next === undefined ? null : link({ cursor: cursorOf(next) })

const auditQuery = z.object({
  user: parameters.userId().meta({ description: 'What happened to this user.' }),
  actor: actorParameter(),
  // Not `type`: that is a member of every problem (RFC 9457 §3.1.1), and a fault of the field would take its place.
  event: fields.choice(EVENT_TYPES).optional().meta({ description: 'What happened: the `type` of an event.' }),
  result: fields.choice(['success', 'failure']).optional(),
  since: parameters.moment().meta({ description: 'From this moment on.' }),
  until: parameters.moment().meta({ description: 'Before this moment.' }),
  ...paging,
})

function actorParameter() {
  return z
    .unknown()
    .transform((value, context): StoredEvent['actor'] | number => {
      const actor = parameters.userIdOf(value) ?? ACTORS.find((kind) => kind === value)
      const values = { value: String(value).slice(0, 100) }
      if (actor === undefined) parameters.refuse(context, { id: 'fault.not_a_choice', values })
      return actor ?? z.NEVER
    })
    .optional()
    .meta({
      anyOf: [
        { type: 'string', enum: ACTORS },
        { type: 'integer', minimum: 1 },
      ],
      description: 'What was done by a kind of actor, or by the user with this number.',
    })
}

function auditRoute(app: App, { db, urls }: AuditRouteDeps): void {
  app.get(
    '/api/audit/',
    {
      config: { access: { who: 'admin' } },
      schema: {
        operationId: 'listAuditEvents',
        tags: ['Administration'],
        summary: 'Read the audit',
        description: 'Every event, newest first. `number` is its place in the chain, null until it is sealed.',
        querystring: auditQuery,
        response: { 200: auditPage, ...refusals('invalid', 'permission_denied') },
      },
    },
    async (request) => {
      const { cursor, limit, user: userId, event: type, ...filter } = request.query
      const wanted = { userId, type, ...filter }
      const page = await listEvents(db, wanted, { after: cursor, limit: limitOf(limit, DEFAULT_LIMIT) })
      return { results: page.events.map(toAudit), next: nextOf(page, (changes) => pageLink(urls, request, changes)) }
    },
  )
}
