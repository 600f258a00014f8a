import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { type BaseUrlRules, baseUrl } from '../../http/base-url.ts'
import * as fields from '../../http/fields.ts'
import { refusals } from '../../http/openapi.ts'
import type { App } from '../../http/server.ts'
import type { Clock } from '../../kernel/clock.ts'
import { Refusal } from '../../kernel/refusal.ts'
import { created } from '../idempotency/service.ts'
import { findById, toSummary, type User, userSummary } from '../users/service.ts'
import {
  type AdministrationDeps,
  changeStanding,
  endSessionsOf,
  LOST_FACTORS,
  type LostFactor,
  removeLostFactor,
} from './administration.ts'
import { type InvitationDeps, invite } from './invitation.ts'
import { noSuchUser } from './refusals.ts'
import { emailTaken, refuseFaultyBody } from './taken.ts'
import { namesToBegin, toDetail, userDetail, userIdIn, userIdParameter } from './wire.ts'

export interface AdministrationRouteDeps extends AdministrationDeps, InvitationDeps {
  readonly urls: BaseUrlRules
  readonly clock: Clock
  /** Whether a message to this channel can leave at all. */
  readonly isAvailable: (channel: 'email' | 'phone') => boolean
}

export function administrationRoutes(app: App, deps: AdministrationRouteDeps): void {
  inviteRoute(app, deps)
  readRoute(app, deps)
  standingRoute(app, deps)
  sessionsRoute(app, deps)
  factorRoute(app, deps)
}

const TAGS = ['Administration']

const adminDetail = userDetail
  .extend({
    is_active: z.boolean().meta({ description: 'Whether the account may be signed in to.' }),
    is_admin: z.boolean(),
    two_factor: z.boolean().meta({ description: 'Whether a sign-in asks for a second factor.' }),
  })
  .meta({ id: 'AdministeredUser' })

const toAdminDetail = (user: User): z.output<typeof adminDetail> => ({
  ...toDetail(user),
  is_active: user.deactivatedAt === null,
  is_admin: user.adminSince !== null,
  two_factor: user.twoFactorSince !== null,
})

function inviteRoute(app: App, deps: AdministrationRouteDeps): void {
  app.post(
    '/api/admin/users/',
    {
      config: { access: { who: 'admin' }, idempotent: true },
      attachValidation: true,
      schema: {
        operationId: 'inviteUser',
        tags: TAGS,
        summary: 'Invite a user',
        description: 'Makes an account without a password and mails its owner how to set one; good for seven days.',
        body: z
          .object({
            email: fields.email(),
            ...namesToBegin(),
            language: fields.language().optional(),
          })
          .meta({ id: 'Invitation' }),
        response: { 201: userSummary, ...refusals('invalid', 'permission_denied', 'channel_unavailable') },
      },
    },
    async (request, reply) => {
      await refuseFaultyBody(deps, request)
      if (!deps.isAvailable('email')) throw new Refusal('channel_unavailable', 'no gateway for email')
      const summaryOf = (user: User) => toSummary(user, baseUrl(deps.urls, request))
      const remember = request.remember((user: User) => created(summaryOf(user)))
      const user = await invite(deps, request.body, { act: request.act(), remember }, deps.clock.now())
      if (!user) throw emailTaken()
      const summary = summaryOf(user)
      return reply.code(201).header('location', summary.url).send(summary)
    },
  )
}

function readRoute(app: App, { db }: AdministrationRouteDeps): void {
  app.get(
    '/api/admin/users/:id/',
    {
      config: { access: { who: 'admin' } },
      schema: {
        operationId: 'readAdministeredUser',
        tags: TAGS,
        summary: 'Read a user and its standing',
        description: 'The eight fields of a user, and what only admins see.',
        params: z.object({ id: userIdParameter }),
        response: { 200: adminDetail, ...refusals('permission_denied', 'not_found') },
      },
    },
    async (request) => {
      const user = await findById(db, userIdIn(request.params))
      if (!user) throw noSuchUser()
      return toAdminDetail(user)
    },
  )
}

function standingRoute(app: App, deps: AdministrationRouteDeps): void {
  app.patch(
    '/api/admin/users/:id/',
    {
      config: { access: { who: 'admin', fresh: true }, idempotent: true },
      schema: {
        operationId: 'changeStanding',
        tags: TAGS,
        summary: "Change a user's standing",
        description:
          'Opens or closes the account, which ends its sessions; makes it an admin or takes that away. The last active ' +
          'admin stays one.',
        params: z.object({ id: userIdParameter }),
        body: z
          .object({ is_active: fields.boolean().optional(), is_admin: fields.boolean().optional() })
          .meta({ id: 'Standing' }),
        response: { 200: adminDetail, ...refusals('invalid', 'permission_denied', 'not_found', 'last_admin') },
      },
    },
    async (request) => {
      const { is_active: isActive, is_admin: isAdmin } = request.body
      const change = { userId: userIdIn(request.params), wanted: { isActive, isAdmin } }
      const remember = request.remember((user: User) => ({ status: 200, body: toAdminDetail(user) }))
      const changed = await deps.db.transaction().execute(async (db) => {
        const changed = await changeStanding(db, deps, change, request.act(), deps.clock.now())
        if (changed.kind === 'changed') await remember(db, changed.user)
        return changed
      })
      if (changed.kind !== 'changed') throw refusalOf(changed.kind)
      deps.messages.wake()
      return toAdminDetail(changed.user)
    },
  )
}

function sessionsRoute(app: App, deps: AdministrationRouteDeps): void {
  app.delete(
    '/api/admin/users/:id/sessions/',
    {
      config: { access: { who: 'admin' }, idempotent: true },
      schema: {
        operationId: 'endUserSessions',
        tags: TAGS,
        summary: "End a user's sessions",
        description: 'All of them, and every sign-in that waits for its second step. The user may sign in again.',
        params: z.object({ id: userIdParameter }),
        response: { 204: z.null(), ...refusals('permission_denied', 'not_found') },
      },
    },
    async (request, reply) => {
      const id = userIdIn(request.params)
      const remember = request.remember(() => ({ status: 204, body: null }))
      const ended = await deps.db.transaction().execute(async (db) => {
        const ended = await endSessionsOf(db, deps, id, request.act(), deps.clock.now())
        if (ended !== undefined) await remember(db, ended)
        return ended
      })
      if (ended === undefined) throw noSuchUser()
      deps.messages.wake()
      return reply.code(204).send(null)
    },
  )
}

function factorRoute(app: App, deps: AdministrationRouteDeps): void {
  app.delete(
    '/api/admin/users/:id/factors/:factor/',
    {
      config: { access: { who: 'admin', fresh: true }, idempotent: true },
      schema: {
        operationId: 'removeLostFactor',
        tags: TAGS,
        summary: 'Remove a factor a user lost',
        description:
          'Every one of its kind. `two_factor` removes none and turns two-factor sign-in off; so does what leaves nothing ' +
          'to pass the second step with. For others than yourself.',
        params: z.object({
          id: userIdParameter,
          factor: z.string().meta({ enum: [...LOST_FACTORS], examples: ['totp'] }),
        }),
        response: { 200: adminDetail, ...refusals('permission_denied', 'not_found') },
      },
    },
    async (request) => {
      const lost = { userId: userIdIn(request.params), factor: factorIn(request.params) }
      refuseOwn(request, lost.userId)
      const remember = request.remember((user: User) => ({ status: 200, body: toAdminDetail(user) }))
      const removal = await deps.db.transaction().execute(async (db) => {
        const removal = await removeLostFactor(db, deps, lost, request.act(), deps.clock.now())
        if (removal.kind === 'removed') await remember(db, removal.user)
        return removal
      })
      if (removal.kind !== 'removed') throw refusalOf(removal.kind)
      deps.messages.wake()
      return toAdminDetail(removal.user)
    },
  )
}

function refusalOf(kind: 'gone' | 'last_admin' | 'none'): Refusal {
  if (kind === 'gone') return noSuchUser()
  return kind === 'none'
    ? new Refusal('not_found', 'the user has no such factor')
    : new Refusal('last_admin', 'the last active admin')
}

function factorIn({ factor }: { readonly factor: string }): LostFactor {
  const known = LOST_FACTORS.find((name) => name === factor)
  if (!known) throw new Refusal('not_found', 'no such kind of factor')
  return known
}

/** An admin's own factors go by the routes of every user, which mind the last way in and ask for a second factor. */
function refuseOwn({ caller }: FastifyRequest, id: number): void {
  if (caller?.userId === id) throw new Refusal('permission_denied', 'own factors')
}
