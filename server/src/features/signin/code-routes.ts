import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { networkOf } from '../../http/client-address.ts'
import * as fields from '../../http/fields.ts'
import type { Caller } from '../../http/guard.ts'
import { refusals } from '../../http/openapi.ts'
import type { App } from '../../http/server.ts'
import type { Clock } from '../../kernel/clock.ts'
import { invalid, Refusal } from '../../kernel/refusal.ts'
import { type Proving, proveCode, refuseSending, sendCode, withStatus } from '../account/service.ts'
import { findSession } from '../sessions/service.ts'
import { findById } from '../users/service.ts'
import { sendReauthenticationCode } from './reauthentication-code.ts'
import { type SecondStepDeps, sendStepCode, takeStep } from './second-step-proof.ts'
import { noFactorHere, openedBy, refuseStepCode, wrongCode } from './step-answers.ts'
import { codeVerified, toStepPassed, VERIFIED } from './wire.ts'

export interface CodeRouteDeps extends SecondStepDeps {
  readonly clock: Clock
}

const SENT = 'code has been sent to user'

export function codeRoutes(app: App, deps: CodeRouteDeps): void {
  sendRoute(app, deps)
  verifyRoute(app, deps)
}

const codeRequest = z
  .object({
    email_or_phone: fields.choice(['email', 'phone']),
    purpose: fields.choice(['reauthentication']).optional().meta({
      description: 'For `POST /api/token/reauthenticate/` with two factors on: a code to a verified channel.',
    }),
  })
  .meta({ id: 'CodeRequest' })

function sendRoute(app: App, deps: CodeRouteDeps): void {
  app.post(
    '/api/otp/send/',
    {
      config: { access: { who: 'signed_in_or_second_step', scope: 'otpSend' }, idempotent: true },
      schema: {
        operationId: 'sendCode',
        tags: ['One-time codes'],
        summary: 'Send a code',
        description:
          'Sends a six-digit code to your e-mail address or phone; to the pending one where there is one. In the second ' +
          'step of a sign-in, to the verified one.',
        body: codeRequest,
        response: {
          200: z.object({ status: z.literal(SENT) }).meta({ id: 'CodeSent' }),
          ...refusals(
            'invalid',
            'phone_not_submitted',
            'already_verified',
            'permission_denied',
            'channel_locked',
            'sms_refused',
            'sms_limited',
            'channel_unavailable',
          ),
        },
      },
    },
    async (request) => {
      await send(deps, request, request.body)
      return { status: SENT } as const
    },
  )
}

/** Sends the code that is asked for, or refuses: in a second step, to reauthenticate, to prove an address. */
async function send(deps: CodeRouteDeps, request: FastifyRequest, body: z.output<typeof codeRequest>): Promise<void> {
  const { email_or_phone: channel, purpose } = body
  const remember = request.remember(() => ({ status: 200, body: { status: SENT } }))
  const asked = { language: request.language(), network: networkOf(request.clientAddress()), remember }
  const now = deps.clock.now()
  if (request.candidate) {
    const { pendingId } = request.candidate
    return refuseStepCode(await sendStepCode(deps, { pendingId, ...asked }, channel, now), request)
  }
  const asker = { ...(await callerOf(deps, request.caller!)), ...asked }
  if (purpose === 'reauthentication') {
    const sending = await sendReauthenticationCode(deps, asker, channel, now)
    if (sending.kind === 'unusable') throw noFactorHere()
    return refuseSending(sending)
  }
  refuseSending(await sendCode(deps, asker, channel, now))
}

async function callerOf({ db }: CodeRouteDeps, { userId, sessionId }: Caller) {
  const user = await findById(db, userId)
  const session = await findSession(db, sessionId)
  if (!user || !session) throw new Refusal('user_not_found', 'gone while asking')
  return { user, session }
}

function verifyRoute(app: App, deps: CodeRouteDeps): void {
  app.post(
    '/api/otp/verify/',
    {
      config: { access: { who: 'signed_in_or_second_step', scope: 'otpVerify' } },
      schema: {
        operationId: 'verifyCode',
        tags: ['One-time codes'],
        summary: 'Verify a code',
        description: 'Proves the address the code was sent to. In the second step of a sign-in, opens the session.',
        body: z.object({ code: fields.sixDigits() }).meta({ id: 'CodeToVerify' }),
        response: {
          200: codeVerified,
          ...refusals('invalid', 'otp_invalid', 'already_verified', 'permission_denied', 'phone_in_use'),
        },
      },
    },
    async (request) => {
      const { code } = request.body
      const now = deps.clock.now()
      if (request.candidate) {
        const step = await takeStep(deps, request.candidate, { by: 'sent_code', code }, request.act(), now)
        deps.sessions.messages.wake()
        return toStepPassed(openedBy(step, wrongCode, request))
      }
      refuseProving(await proveCode(deps, request.caller!, code, request.act(), now))
      return { status: VERIFIED } as const
    },
  )
}

function refuseProving(proving: Proving): void {
  switch (proving.kind) {
    case 'verified':
      return
    case 'wrong_code':
      throw wrongCode()
    case 'nothing_to_verify':
      throw withStatus('already_verified', 'User has Verified already')
    case 'phone_in_use':
      throw new Refusal('phone_in_use', 'another user has verified this number')
    case 'email_taken':
      throw invalid({ email: [{ id: 'fault.email_taken' }] })
  }
}
