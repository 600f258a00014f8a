import { z } from 'zod'
import * as fields from '../../http/fields.ts'
import { refusals } from '../../http/openapi.ts'
import type { App } from '../../http/server.ts'
import type { Clock } from '../../kernel/clock.ts'
import { type SecondStepDeps, takeStep } from './second-step-proof.ts'
import { openedBy, wrongCode, wrongRecoveryCode } from './step-answers.ts'
import { stepPassed, toStepPassed } from './wire.ts'

export interface SecondStepRouteDeps extends SecondStepDeps {
  readonly clock: Clock
}

/** The second step by an authenticator app or a recovery code; by a code that is sent, see `code-routes.ts`. */
export function secondStepRoutes(app: App, deps: SecondStepRouteDeps): void {
  totpRoute(app, deps)
  recoveryCodeRoute(app, deps)
}

const ACCESS = { who: 'second_step', scope: 'otpVerify' } as const

function totpRoute(app: App, deps: SecondStepRouteDeps): void {
  app.post(
    '/api/totp/verify/',
    {
      config: { access: ACCESS },
      schema: {
        operationId: 'passSecondStepByTotp',
        tags: ['Tokens'],
        summary: 'Second step: authenticator app',
        description:
          'Takes a code of your authenticator app with the second-factor token as bearer; opens the session.',
        body: z.object({ code: fields.sixDigits() }).meta({ id: 'TotpToVerify' }),
        response: { 200: stepPassed, ...refusals('invalid', 'otp_invalid', 'factor_locked', 'permission_denied') },
      },
    },
    async (request) => {
      const shown = { by: 'totp', code: request.body.code } as const
      const step = await takeStep(deps, request.candidate!, shown, request.act(), deps.clock.now())
      deps.sessions.messages.wake()
      return toStepPassed(openedBy(step, wrongCode, request))
    },
  )
}

function recoveryCodeRoute(app: App, deps: SecondStepRouteDeps): void {
  app.post(
    '/api/recovery-codes/verify/',
    {
      config: { access: ACCESS },
      schema: {
        operationId: 'passSecondStepByRecoveryCode',
        tags: ['Tokens'],
        summary: 'Second step: recovery code',
        description: 'Uses up one of your recovery codes with the second-factor token as bearer; opens the session.',
        body: z
          .object({ code: fields.identifier().meta({ examples: ['7QK4-M2XD-9RTB-HW5N'] }) })
          .meta({ id: 'RecoveryCodeToVerify' }),
        response: {
          200: stepPassed,
          ...refusals('invalid', 'recovery_code_invalid', 'factor_locked', 'permission_denied'),
        },
      },
    },
    async (request) => {
      const shown = { by: 'recovery_code', code: request.body.code } as const
      const step = await takeStep(deps, request.candidate!, shown, request.act(), deps.clock.now())
      deps.sessions.messages.wake()
      return toStepPassed(openedBy(step, wrongRecoveryCode, request))
    },
  )
}
