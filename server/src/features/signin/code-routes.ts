import { z } from 'zod'
import * as fields from '../../http/fields.ts'
import { refusals } from '../../http/openapi.ts'
import type { App } from '../../http/server.ts'
import type { Clock } from '../../kernel/clock.ts'
import { invalid, Refusal } from '../../kernel/refusal.ts'
import {
  type AddressCodeDeps,
  type Proving,
  proveCode,
  refuseSending,
  sendCode,
  withStatus,
} from '../account/service.ts'
import { findSession } from '../sessions/service.ts'
import { findById } from '../users/service.ts'

export interface CodeRouteDeps extends AddressCodeDeps {
  readonly clock: Clock
}

const SENT = 'code has been sent to user'
const VERIFIED = 'User has Verified'

export function codeRoutes(app: App, deps: CodeRouteDeps): void {
  sendRoute(app, deps)
  verifyRoute(app, deps)
}

function sendRoute(app: App, deps: CodeRouteDeps): void {
  app.post(
    '/api/otp/send/',
    {
      config: { access: { who: 'signed_in', scope: 'otpSend' } },
      schema: {
        operationId: 'sendCode',
        tags: ['One-time codes'],
        summary: 'Send a code',
        description: 'Sends a six-digit code to your e-mail address or phone; to the pending one where there is one.',
        body: z.object({ email_or_phone: fields.choice(['email', 'phone']) }).meta({ id: 'CodeRequest' }),
        response: {
          200: z.object({ status: z.literal(SENT) }).meta({ id: 'CodeSent' }),
          ...refusals('invalid', 'phone_not_submitted', 'already_verified', 'channel_locked', 'channel_unavailable'),
        },
      },
    },
    async (request) => {
      const caller = request.caller!
      const user = await findById(deps.db, caller.userId)
      const session = await findSession(deps.db, caller.sessionId)
      if (!user || !session) throw new Refusal('user_not_found', 'gone while asking')
      const asker = { user, session, language: request.language() }
      refuseSending(await sendCode(deps, asker, request.body.email_or_phone, deps.clock.now()))
      return { status: SENT } as const
    },
  )
}

function verifyRoute(app: App, deps: CodeRouteDeps): void {
  app.post(
    '/api/otp/verify/',
    {
      config: { access: { who: 'signed_in', scope: 'otpVerify' } },
      schema: {
        operationId: 'verifyCode',
        tags: ['One-time codes'],
        summary: 'Verify a code',
        description: 'Proves the address the code was sent to.',
        body: z.object({ code: fields.sixDigits() }).meta({ id: 'CodeToVerify' }),
        response: {
          200: z.object({ status: z.literal(VERIFIED) }).meta({ id: 'CodeVerified' }),
          ...refusals('invalid', 'otp_invalid', 'already_verified', 'phone_in_use'),
        },
      },
    },
    async (request) => {
      refuseProving(await proveCode(deps, request.caller!, request.body.code, deps.clock.now()))
      return { status: VERIFIED } as const
    },
  )
}

function refuseProving(proving: Proving): void {
  switch (proving.kind) {
    case 'verified':
      return
    case 'wrong_code':
      throw withStatus('otp_invalid', 'Invalid Code')
    case 'nothing_to_verify':
      throw withStatus('already_verified', 'User has Verified already')
    case 'phone_in_use':
      throw new Refusal('phone_in_use', 'another user has verified this number')
    case 'email_taken':
      throw invalid({ email: [{ id: 'fault.email_taken' }] })
  }
}
