import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import * as fields from '../../http/fields.ts'
import { refusals } from '../../http/openapi.ts'
import type { App } from '../../http/server.ts'
import { whenGone } from '../../http/when-gone.ts'
import type { Clock } from '../../kernel/clock.ts'
import { invalid, Refusal, throttled } from '../../kernel/refusal.ts'
import { assertion, passkeyOptions, requestOptions } from '../passkeys/service.ts'
import type { Shown } from './factor-proof.ts'
import { type Proofs, reauthenticate, type Reauthentication, type ReauthenticationDeps } from './reauthentication.ts'
import { noFactorHere, over, wrongCode, wrongRecoveryCode } from './step-answers.ts'
import { token } from './wire.ts'

export interface ReauthenticationRouteDeps extends ReauthenticationDeps {
  readonly clock: Clock
}

export function reauthenticationRoutes(app: App, deps: ReauthenticationRouteDeps): void {
  optionsRoute(app, deps)
  reauthenticateRoute(app, deps)
}

function optionsRoute(app: App, deps: ReauthenticationRouteDeps): void {
  app.post(
    '/api/token/reauthenticate/options/',
    {
      config: { access: { who: 'signed_in' } },
      schema: {
        operationId: 'askPasskeyToReauthenticate',
        tags: ['Tokens'],
        summary: 'Options to reauthenticate by a passkey',
        description: 'What `navigator.credentials.get()` is to be given, for `POST /api/token/reauthenticate/`.',
        response: { 200: requestOptions },
      },
    },
    async (request) => {
      const { userId, sessionId: asker } = request.caller!
      return passkeyOptions(deps.db, deps.passkeys, { purpose: 'reauthentication', userId, asker }, deps.clock.now())
    },
  )
}

const METHODS = ['totp', 'recovery_code', 'email', 'phone'] as const

const proofs = z
  .object({
    password: fields
      .verbatim()
      .optional()
      .meta({ examples: ['Correct-Horse-7'] }),
    method: fields.choice(METHODS).optional().meta({ description: 'What `code` is.' }),
    code: fields.anyCode().optional(),
    passkey: assertion.optional().meta({ description: 'In place of `method` and `code`, or of everything.' }),
  })
  .transform(({ password, method, code, passkey }, context): Proofs => {
    if (!method) return { password, passkey }
    const by = BY[method]
    const parsed = (by === 'recovery_code' ? fields.anyCode() : fields.sixDigits()).safeParse(code)
    if (parsed.success) return { password, passkey, factor: { by, code: parsed.data } }
    for (const { message } of parsed.error.issues) context.addIssue({ code: 'custom', message, path: ['code'] })
    return z.NEVER
  })
  .meta({ id: 'Proofs' })

const BY: Readonly<Record<(typeof METHODS)[number], Shown['by']>> = {
  totp: 'totp',
  recovery_code: 'recovery_code',
  email: 'sent_code',
  phone: 'sent_code',
}

function reauthenticateRoute(app: App, deps: ReauthenticationRouteDeps): void {
  app.post(
    '/api/token/reauthenticate/',
    {
      config: { access: { who: 'signed_in', scope: 'login' } },
      schema: {
        operationId: 'reauthenticate',
        tags: ['Tokens'],
        summary: 'Prove again who you are',
        description:
          'Takes your password and, with two factors on, a factor as well; or a passkey alone that verified you. Gives an ' +
          'access token that is fresh: good for ten minutes for what asks for a recent sign-in. Other tokens stay as they are.',
        body: proofs,
        response: {
          200: z.object({ access: token() }).meta({ id: 'Reauthenticated' }),
          ...refusals(
            'invalid',
            'otp_invalid',
            'recovery_code_invalid',
            'passkey_invalid',
            'second_factor_required',
            'factor_locked',
            'permission_denied',
            'overloaded',
          ),
        },
      },
    },
    async (request, reply) => {
      const { caller, body } = request
      const outcome = await reauthenticate(deps, caller!, body, request.act(), deps.clock.now(), whenGone(reply))
      return { access: accessOf(outcome, request) }
    },
  )
}

/** The new token, or no. */
function accessOf(outcome: Reauthentication, request: FastifyRequest): string {
  switch (outcome.kind) {
    case 'reauthenticated':
      return outcome.access
    case 'factor_required':
      throw new Refusal('second_factor_required', 'two factors are on', { members: { methods: outcome.methods } })
    case 'wait':
      throw throttled(outcome.retryAfterSeconds, 'failed sign-ins')
    case 'wrong':
      throw (request.body as Proofs).factor?.by === 'recovery_code' ? wrongRecoveryCode() : wrongCode()
    case 'over':
      throw over(request)
    default:
      throw NO[outcome.kind]()
  }
}

type PlainNo = Exclude<Reauthentication['kind'], 'reauthenticated' | 'factor_required' | 'wait' | 'wrong' | 'over'>

const NO: Readonly<Record<PlainNo, () => Refusal>> = {
  password_required: () => invalid({ password: [{ id: 'fault.required' }] }),
  wrong_password: () => invalid({ password: [{ id: 'fault.wrong_password' }] }),
  locked: () => new Refusal('factor_locked', 'too many wrong tries in a row'),
  unusable: noFactorHere,
  passkey_refused: () => new Refusal('passkey_invalid', 'passkey refused'),
  gone: () => new Refusal('user_not_found', 'gone while asking'),
}
