import { z } from 'zod'
import type { Database } from '../../database/schema.ts'
import { refusals } from '../../http/openapi.ts'
import type { App } from '../../http/server.ts'
import type { Clock } from '../../kernel/clock.ts'
import { isUuid } from '../../kernel/random.ts'
import { Refusal } from '../../kernel/refusal.ts'
import type { Audit } from '../audit/service.ts'
import { endAllOthers, endOwn } from './ending.ts'
import { listLiving, type Session } from './store.ts'

export interface SessionRouteDeps {
  readonly db: Database
  readonly audit: Audit
  readonly clock: Clock
}

const sessionWire = z
  .object({
    id: z.uuid().meta({ description: '`sid` in its tokens.', examples: ['019aa9c4-5d7e-7c3a-9b1f-2f60d1a7c8e5'] }),
    device: z.string().meta({
      description: 'What the program called itself at sign-in; empty when it said nothing known.',
      examples: ['Firefox on Linux'],
    }),
    created_at: z.iso.datetime().meta({ description: 'When it signed in.', examples: ['2026-11-22T09:00:00.000Z'] }),
    last_used_at: z.iso.datetime().meta({
      description:
        'When it signed in or last refreshed. An access token is not counted at each use: its session may have been in ' +
        'use for its lifetime (15 minutes at most) after this moment.',
      examples: ['2026-11-22T12:34:56.000Z'],
    }),
    ip: z.string().meta({ description: 'Where it signed in from.', examples: ['203.0.113.7'] }),
    acr: z.enum(['aal1', 'aal2']).meta({ examples: ['aal2'] }),
    amr: z.array(z.string()).meta({ description: 'What was proven (RFC 8176 §2).', examples: [['pwd', 'otp', 'mfa']] }),
    current: z.boolean().meta({ description: 'Whether it is the session that asks.', examples: [true] }),
  })
  .meta({ id: 'Session' })

/** A user sees the sessions that are open in his name, and ends them. */
export function sessionRoutes(app: App, deps: SessionRouteDeps): void {
  listRoute(app, deps)
  endRoute(app, deps)
  endOthersRoute(app, deps)
}

const SHARED = { tags: ['Sessions'] } as const

function listRoute(app: App, { db, clock }: SessionRouteDeps): void {
  app.get(
    '/api/sessions/',
    {
      config: { access: { who: 'signed_in' } },
      schema: {
        ...SHARED,
        operationId: 'listSessions',
        summary: 'List your sessions',
        description:
          'Those that live, the one used last first; 50 at most. A sign-in that waits for its second step is none.',
        response: { 200: z.object({ results: z.array(sessionWire) }).meta({ id: 'Sessions' }) },
      },
    },
    async (request) => {
      const { userId, sessionId } = request.caller!
      const sessions = await listLiving(db, userId, clock.now())
      return { results: sessions.map((session) => toWire(session, sessionId)) }
    },
  )
}

const toWire = (session: Session, currentId: string): z.input<typeof sessionWire> => ({
  id: session.id,
  device: session.device,
  created_at: session.createdAt.toISOString(),
  last_used_at: session.lastUsedAt.toISOString(),
  ip: session.ip,
  acr: session.acr,
  amr: session.amr.split(' '),
  current: session.id === currentId,
})

const pathParameters = z.object({
  id: z.string().meta({ format: 'uuid', description: 'The session.' }),
})

function endRoute(app: App, { db, audit, clock }: SessionRouteDeps): void {
  app.delete(
    '/api/sessions/:id/',
    {
      config: { access: { who: 'signed_in' } },
      schema: {
        ...SHARED,
        operationId: 'endSession',
        summary: 'End a session',
        description:
          'This one or another of yours. Its tokens are refused here at once, and elsewhere when its access token ends.',
        params: pathParameters,
        response: { 204: z.null(), ...refusals('not_found') },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const { userId } = request.caller!
      const isEnded = isUuid(id) && (await endOwn(db, { audit }, { id, userId }, request.act(), clock.now()))
      if (!isEnded) throw new Refusal('not_found', 'no living session of the caller')
      return reply.code(204).send(null)
    },
  )
}

function endOthersRoute(app: App, { db, audit, clock }: SessionRouteDeps): void {
  app.delete(
    '/api/sessions/',
    {
      config: { access: { who: 'signed_in' } },
      schema: {
        ...SHARED,
        operationId: 'endOtherSessions',
        summary: 'End all other sessions',
        description: 'All but the one that asks, and every sign-in that waits for its second step.',
        response: { 204: z.null() },
      },
    },
    async (request, reply) => {
      await endAllOthers(db, { audit }, request.caller!, request.act(), clock.now())
      return reply.code(204).send(null)
    },
  )
}
