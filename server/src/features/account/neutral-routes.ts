import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { type BaseUrlRules, baseUrl } from '../../http/base-url.ts'
import * as fields from '../../http/fields.ts'
import { refusals } from '../../http/openapi.ts'
import type { App } from '../../http/server.ts'
import { whenGone } from '../../http/when-gone.ts'
import type { Clock } from '../../kernel/clock.ts'
import { Refusal, throttled } from '../../kernel/refusal.ts'
import { created } from '../idempotency/service.ts'
import type { Channel } from '../otp/service.ts'
import { type ProofOfWork, requireProof } from '../proof-of-work/service.ts'
import { toSummary, type User, userSummary } from '../users/service.ts'
import { askToRegister, confirmRegistration, type NeutralRegistrationDeps } from './neutral-registration.ts'
import { logOutcome, type OutcomeLog } from './outcome-log.ts'
import { withStatus } from './refusals.ts'
import { type Newcomer, register, registrationBody } from './registration.ts'
import { refuseFaultyBody } from './taken.ts'

export interface NeutralRouteDeps extends NeutralRegistrationDeps, OutcomeLog {
  readonly urls: BaseUrlRules
  readonly clock: Clock
  /** Undefined: off. */
  readonly proofOfWork: ProofOfWork | undefined
  /** Whether a message to this channel can leave at all. */
  readonly isAvailable: (channel: Channel) => boolean
}

/** Where a setting leaves registration open, the first of these routes is another and the second is not there. */
export function neutralRegistrationRoutes(app: App, deps: NeutralRouteDeps): void {
  askRoute(app, deps)
  confirmRoute(app, deps)
}

const ON_ITS_WAY = 'A mail to this address is on its way'

function askRoute(app: App, deps: NeutralRouteDeps): void {
  app.post(
    '/api/users/',
    {
      config: { access: { who: 'anonymous_or_admin', scope: 'register' }, idempotent: true },
      attachValidation: true,
      schema: {
        operationId: 'registerUser',
        tags: ['Users'],
        summary: 'Register',
        description:
          'Mails a code by which `/api/users/confirm/` makes the account. The answer is the same whether or not the address ' +
          'has an account already; its owner is told by mail. For admins the account is made at once. Whoever is signed in ' +
          'already is refused.',
        body: registrationBody(deps.passwords),
        response: {
          201: userSummary,
          202: z.object({ status: z.literal(ON_ITS_WAY) }).meta({ id: 'RegistrationAsked' }),
          ...refusals('invalid', 'permission_denied', 'proof_of_work_required', 'channel_unavailable', 'overloaded'),
        },
      },
    },
    async (request, reply) => {
      if (request.caller) {
        await refuseFaultyBody(deps, request)
        return answerMade(deps, request, reply, await makeAtOnce(deps, request, request.body, whenGone(reply)))
      }
      await requireProof(deps.proofOfWork, request, { purpose: 'registration' }, deps.clock.now())
      if (request.validationError) throw request.validationError
      if (!deps.isAvailable('email')) throw new Refusal('channel_unavailable', 'no gateway for e-mail')
      await ask(deps, request, request.body, whenGone(reply))
      return reply.code(202).send({ status: ON_ITS_WAY })
    },
  )
}

function makeAtOnce(
  deps: NeutralRouteDeps,
  request: FastifyRequest,
  newcomer: Newcomer,
  signal: AbortSignal,
): Promise<User> {
  const remember = request.remember((user: User) => created(toSummary(user, baseUrl(deps.urls, request))))
  return register(deps, newcomer, { act: request.act(), signal, remember }, deps.clock.now())
}

const ASKED = { status: 202, body: { status: ON_ITS_WAY } } as const

async function ask(
  deps: NeutralRouteDeps,
  request: FastifyRequest,
  newcomer: Newcomer,
  signal: AbortSignal,
): Promise<void> {
  const from = { act: request.act(), language: request.language(), signal, remember: request.remember(() => ASKED) }
  const asked = await askToRegister(deps, newcomer, from, deps.clock.now())
  if (asked.kind === 'cooldown') throw throttled(asked.retryAfterSeconds, 'code not sent: cooldown')
  logOutcome(deps, request, asked.outcome, newcomer.email)
}

const answerMade = (deps: NeutralRouteDeps, request: FastifyRequest, reply: FastifyReply, user: User) => {
  const summary = toSummary(user, baseUrl(deps.urls, request))
  return reply.code(201).header('location', summary.url).send(summary)
}

function confirmRoute(app: App, deps: NeutralRouteDeps): void {
  app.post(
    '/api/users/confirm/',
    {
      config: { access: { who: 'anyone', scope: 'login' } },
      schema: {
        operationId: 'confirmRegistration',
        tags: ['Users'],
        summary: 'Confirm a registration',
        description:
          'Takes the code that was mailed and makes the account, its e-mail verified. Wrong, expired, used up, or of an ' +
          'address that was taken meanwhile: one answer.',
        body: z.object({ email: fields.email(), code: fields.sixDigits() }).meta({ id: 'RegistrationCode' }),
        response: { 201: userSummary, ...refusals('invalid', 'otp_invalid') },
      },
    },
    async (request, reply) => {
      const confirmed = await confirmRegistration(deps, request.body, request.act(), deps.clock.now())
      if (confirmed.kind === 'refused') {
        logOutcome(deps, request, confirmed.reason, request.body.email)
        throw withStatus('otp_invalid', 'Invalid Code')
      }
      return answerMade(deps, request, reply, confirmed.user)
    },
  )
}
