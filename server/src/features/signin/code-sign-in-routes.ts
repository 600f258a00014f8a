import { z } from 'zod'
import * as fields from '../../http/fields.ts'
import { refusals } from '../../http/openapi.ts'
import type { App } from '../../http/server.ts'
import type { Region } from '../../kernel/address.ts'
import type { Clock } from '../../kernel/clock.ts'
import { Refusal, throttled } from '../../kernel/refusal.ts'
import { knownDeviceIn, logOutcome, type OutcomeLog, withStatus } from '../account/service.ts'
import type { Sent } from '../otp/service.ts'
import { type Address, askForCode, type CodeSignInDeps, isKnownDeviceOf, signInByCode } from './code-sign-in.ts'
import { type ProofOfWork, requireProof } from '../proof-of-work/service.ts'
import { deviceValue, signedIn, toSignedIn } from './wire.ts'

export interface CodeSignInRouteDeps extends CodeSignInDeps, OutcomeLog {
  readonly clock: Clock
  /** Undefined: off. */
  readonly proofOfWork: ProofOfWork | undefined
  readonly region: Region
  /** Whether a message to this channel can leave at all. */
  readonly isAvailable: (channel: Address['channel']) => boolean
}

const challengeExample = '019ab0c1-7d2e-7a53-9c41-2b6f0e8d5a17'

/** Where a setting turns sign-in by code off, these routes are not there. */
export function codeSignInRoutes(app: App, deps: CodeSignInRouteDeps): void {
  askRoute(app, deps)
  confirmRoute(app, deps)
}

function addressBody(region: Region) {
  return z
    .object({
      email: fields.email().nullable().optional(),
      phone: fields.phone(region).optional(),
      device: fields.knownDevice(),
    })
    .transform(({ email, phone, device }, context): Address & { readonly device: string | undefined } => {
      if (email && !phone) return { channel: 'email', to: email, device }
      if (phone && !email) return { channel: 'phone', to: phone, device }
      context.addIssue({ code: 'custom', message: 'fault.email_or_phone' })
      return z.NEVER
    })
    .meta({ id: 'SignInCodeRequest' })
}

function askRoute(app: App, deps: CodeSignInRouteDeps): void {
  app.post(
    '/api/token/code/',
    {
      config: {
        access: { who: 'public', scope: 'otpSend', spares: (request) => knownDeviceIn(deps, request.body) },
        idempotent: true,
      },
      schema: {
        operationId: 'askForSignInCode',
        tags: ['Tokens'],
        summary: 'Ask for a code to sign in',
        description:
          'Sends a six-digit code to a verified e-mail address, or to a verified phone whose owner allowed it. The answer ' +
          'is the same for every address: it never tells whether anybody has it.',
        body: addressBody(deps.region),
        response: {
          202: z.object({ challenge: z.uuid().meta({ examples: [challengeExample] }) }).meta({ id: 'SignInCodeAsked' }),
          ...refusals('invalid', 'proof_of_work_required', 'not_found', 'channel_unavailable'),
        },
      },
    },
    async (request, reply) => {
      const { device, ...address } = request.body
      const isKnownDevice = () => isKnownDeviceOf(deps, address, device)
      const now = deps.clock.now()
      const phone = address.channel === 'phone' ? address.to : undefined
      const asking = { purpose: 'sign_in_code', isKnownDevice, phone } as const
      await requireProof(deps.proofOfWork, request, asking, now)
      if (!deps.isAvailable(address.channel)) throw new Refusal('channel_unavailable', 'no gateway for this channel')
      const answerOf = ({ challengeId: challenge }: Sent) => ({ status: 202, body: { challenge } })
      const from = { act: request.act(), language: request.language(), device, remember: request.remember(answerOf) }
      const asked = await askForCode(deps, address, from, now)
      if (asked.kind === 'cooldown') throw throttled(asked.retryAfterSeconds, 'code not sent: cooldown')
      logOutcome(deps, request, asked.outcome, address.to)
      return reply.code(202).send({ challenge: asked.challengeId })
    },
  )
}

function confirmRoute(app: App, deps: CodeSignInRouteDeps): void {
  app.post(
    '/api/token/code/confirm/',
    {
      config: { access: { who: 'public', scope: 'login' } },
      schema: {
        operationId: 'signInByCode',
        tags: ['Tokens'],
        summary: 'Sign in by a code',
        description: 'Takes the challenge and the code that was sent; gives what a sign-in by password gives.',
        body: z
          .object({
            challenge: fields.verbatim().meta({ examples: [challengeExample] }),
            code: fields.sixDigits(),
            device: deviceValue(),
          })
          .meta({ id: 'SignInCode' }),
        response: { 200: signedIn, ...refusals('invalid', 'otp_invalid', 'not_found') },
      },
    },
    async (request) => {
      const outcome = await signInByCode(deps, request.body, request.act(), deps.clock.now())
      if (outcome.kind === 'refused') throw withStatus('otp_invalid', 'Invalid Code')
      deps.sessions.messages.wake()
      return toSignedIn(outcome)
    },
  )
}
