import { z } from 'zod'
import type { Database } from '../../database/schema.ts'
import * as fields from '../../http/fields.ts'
import { refusals } from '../../http/openapi.ts'
import type { App } from '../../http/server.ts'
import type { Clock } from '../../kernel/clock.ts'
import { beginApp, confirmApp, type EnrolmentDeps, removeApp } from './enrolment.ts'
import { refusalOf } from './refusals.ts'
import { app as appDetails, codesMade, toApp } from './wire.ts'

export interface FactorRouteDeps extends EnrolmentDeps {
  readonly db: Database
  readonly clock: Clock
}

export function totpRoutes(app: App, deps: FactorRouteDeps): void {
  beginRoute(app, deps)
  confirmRoute(app, deps)
  removeRoute(app, deps)
}

function beginRoute(app: App, deps: FactorRouteDeps): void {
  app.post(
    '/api/totp/',
    {
      config: { access: { who: 'signed_in', fresh: true } },
      schema: {
        operationId: 'beginTotp',
        tags: ['Factors'],
        summary: 'Begin to add an authenticator app',
        description:
          'Makes a secret for an app that shows time-based codes (RFC 6238), told this once. It counts from its confirmation ' +
          'on; an app confirmed before goes on working until then.',
        response: { 200: appDetails, ...refusals('email_not_verified', 'user_not_found') },
      },
    },
    async (request) => {
      const userId = request.caller!.userId
      const begun = await deps.db.transaction().execute((db) => beginApp(db, deps, userId, deps.clock.now()))
      if (begun.kind !== 'begun') throw refusalOf(begun)
      return toApp(begun.app)
    },
  )
}

function confirmRoute(app: App, deps: FactorRouteDeps): void {
  app.post(
    '/api/totp/confirm/',
    {
      config: { access: { who: 'signed_in', fresh: true, scope: 'otpVerify' } },
      schema: {
        operationId: 'confirmTotp',
        tags: ['Factors'],
        summary: 'Confirm an authenticator app',
        description:
          'By a code the app shows. From now on its codes pass the second step, each once, this one no more. Gives ten ' +
          'recovery codes; older ones are void.',
        body: z.object({ code: fields.sixDigits() }).meta({ id: 'TotpConfirmation' }),
        response: {
          200: codesMade,
          ...refusals('invalid', 'otp_invalid', 'email_not_verified', 'user_not_found', 'totp_not_begun'),
        },
      },
    },
    async (request) => {
      const asked = { userId: request.caller!.userId, code: request.body.code }
      const now = deps.clock.now()
      const confirmed = await deps.db.transaction().execute((db) => confirmApp(db, deps, asked, request.act(), now))
      if (confirmed.kind !== 'made') throw refusalOf(confirmed)
      deps.messages.wake()
      return { recovery_codes: [...confirmed.recoveryCodes] }
    },
  )
}

function removeRoute(app: App, deps: FactorRouteDeps): void {
  app.delete(
    '/api/totp/',
    {
      config: { access: { who: 'signed_in', fresh: true } },
      schema: {
        operationId: 'removeTotp',
        tags: ['Factors'],
        summary: 'Remove the authenticator app',
        description: 'Its codes pass nothing any more. While two factors are on, the last one stays.',
        response: {
          204: z.null(),
          ...refusals('user_not_found', 'not_found', 'last_factor', 'last_sign_in_method'),
        },
      },
    },
    async (request, reply) => {
      const userId = request.caller!.userId
      const now = deps.clock.now()
      const removal = await deps.db.transaction().execute((db) => removeApp(db, deps, userId, request.act(), now))
      if (removal !== 'removed') throw refusalOf({ kind: removal })
      deps.messages.wake()
      return reply.code(204).send(null)
    },
  )
}
