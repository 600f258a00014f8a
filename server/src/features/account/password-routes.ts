import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import * as fields from '../../http/fields.ts'
import { refusals } from '../../http/openapi.ts'
import type { App } from '../../http/server.ts'
import { whenGone } from '../../http/when-gone.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Fault } from '../../kernel/fault.ts'
import { invalid, Refusal, throttled } from '../../kernel/refusal.ts'
import type { Passwords } from '../passwords/service.ts'
import { type ProofOfWork, requireProof } from '../proof-of-work/service.ts'
import { findById, type User } from '../users/service.ts'
import { changePassword, type PasswordChangeDeps } from './password-change.ts'
import { isKnownDeviceOf, knownDeviceIn, requestReset, type ResetRequestDeps } from './password-mail.ts'
import { logOutcome, type OutcomeLog } from './outcome-log.ts'
import { resetPassword, type Shown } from './password-reset.ts'
import { PASSWORD_RULE, passwordCheck } from './registration.ts'

export interface PasswordRouteDeps extends PasswordChangeDeps, ResetRequestDeps, OutcomeLog {
  readonly clock: Clock
  /** Undefined: off. */
  readonly proofOfWork: ProofOfWork | undefined
}

const newPassword = () => fields.verbatim().meta({ description: PASSWORD_RULE, examples: ['Correct-Horse-8'] })

export function passwordRoutes(app: App, deps: PasswordRouteDeps): void {
  changeRoute(app, deps)
  resetRoute(app, deps)
  confirmRoute(app, deps)
}

const changeBody = z
  .object({
    current_password: fields.verbatim().meta({ examples: ['Correct-Horse-7'] }),
    new_password: newPassword(),
  })
  .meta({ id: 'PasswordChange' })

function changeRoute(app: App, deps: PasswordRouteDeps): void {
  app.post(
    '/api/password/change/',
    {
      config: { access: { who: 'signed_in', scope: 'login', fresh: true } },
      attachValidation: true,
      schema: {
        operationId: 'changePassword',
        tags: ['Password'],
        summary: 'Change your password',
        description:
          'Takes the current password for a new one. Every other session ends; a wrong current password counts as a failed sign-in.',
        body: changeBody,
        response: { 204: z.null(), ...refusals('invalid', 'overloaded') },
      },
    },
    async (request, reply) => {
      const user = await findById(deps.db, request.caller!.userId)
      if (!user) throw userGone()
      refuseFaultyChange(deps.passwords, request, user)
      const { current_password: currentPassword, new_password: newPassword } = request.body
      const wanted = { sessionId: request.caller!.sessionId, currentPassword, newPassword }
      await change(deps, request, user, wanted, whenGone(reply))
      return reply.code(204).send(null)
    },
  )
}

const userGone = () => new Refusal('user_not_found', 'gone while asking')

/** Only here is it known whose password it is to be, so what the schema found at fault has waited for the rest. */
function refuseFaultyChange(passwords: Passwords, { validationError, body }: FastifyRequest, user: User): void {
  const faults = validationError instanceof Refusal ? validationError.details.faults : {}
  if (!faults || 'non_field_errors' in faults) throw validationError as Error
  const { current_password: current, new_password: wanted } = body as Record<string, unknown>
  const ofWanted =
    typeof wanted === 'string' && !faults['new_password'] ? faultsOf(passwords, wanted, current, user) : []
  const all = { ...faults, ...(ofWanted.length > 0 && { new_password: ofWanted }) }
  if (Object.keys(all).length > 0) throw invalid(all)
}

function faultsOf(passwords: Passwords, wanted: string, current: unknown, user: User): Fault[] {
  const faults = passwords.faultsOf(wanted, user)
  const isSame = typeof current === 'string' && current.normalize('NFC') === wanted.normalize('NFC')
  return isSame ? [...faults, { id: 'fault.password_unchanged' }] : faults
}

async function change(
  deps: PasswordRouteDeps,
  request: FastifyRequest,
  user: User,
  wanted: Parameters<typeof changePassword>[2],
  signal: AbortSignal,
): Promise<void> {
  const outcome = await changePassword(deps, user, wanted, request.act(), deps.clock.now(), signal)
  switch (outcome.kind) {
    case 'changed':
      return
    case 'wait':
      throw throttled(outcome.retryAfterSeconds, 'failed sign-ins')
    case 'wrong_password':
      throw invalid({ current_password: [{ id: 'fault.wrong_password' }] })
    case 'user_gone':
      throw userGone()
    case 'session_over':
      throw new Refusal('token_not_valid', 'the session ended while asking')
  }
}

const ON_ITS_WAY = 'If there is an account with this address, a mail is on its way'

function resetRoute(app: App, deps: PasswordRouteDeps): void {
  app.post(
    '/api/password/reset/',
    {
      config: {
        access: { who: 'public', scope: 'reset', spares: (request) => knownDeviceIn(deps, request.body) },
        idempotent: true,
      },
      schema: {
        operationId: 'requestPasswordReset',
        tags: ['Password'],
        summary: 'Ask for a new password',
        description:
          'Mails a code and a link to the address if an account has it. The answer is the same whether or not one does.',
        body: z.object({ email: fields.email(), device: fields.knownDevice() }).meta({ id: 'PasswordResetRequest' }),
        response: {
          202: z.object({ status: z.literal(ON_ITS_WAY) }).meta({ id: 'PasswordResetRequested' }),
          ...refusals('invalid', 'proof_of_work_required'),
        },
      },
    },
    async (request, reply) => {
      const { email, device } = request.body
      const isKnownDevice = () => isKnownDeviceOf(deps, email, device)
      const now = deps.clock.now()
      await requireProof(deps.proofOfWork, request, { purpose: 'password_reset', isKnownDevice }, now)
      const remember = request.remember(() => ({ status: 202, body: { status: ON_ITS_WAY } }))
      const asked = { email, language: request.language(), device, remember }
      logOutcome(deps, request, await requestReset(deps, asked, request.act(), now), email)
      return reply.code(202).send({ status: ON_ITS_WAY })
    },
  )
}

/** A token, or an address with its code. Policy first: what is wrong with the password says nothing about the token. */
function confirmBody(passwords: Passwords) {
  const body = z.object({
    email: fields
      .identifier()
      .optional()
      .meta({ description: 'With `code`.', examples: ['sara@example.com'] }),
    code: fields
      .verbatim()
      .optional()
      .meta({
        description: 'From the mail; its case and dashes do not matter.',
        examples: ['7K3M-9QWX-2RTB'],
      }),
    token: fields
      .verbatim()
      .optional()
      .meta({
        description: "What stands behind the `#` of the mail's link, in place of `email` and `code`.",
        examples: ['Zm9yIHRoZSByZWFkZXIh'],
      }),
    new_password: newPassword(),
  })
  return body
    .superRefine(requireOne, { when: () => true })
    .superRefine(passwordCheck(passwords, 'new_password'), { when: () => true })
    .meta({ id: 'PasswordReset' })
}

interface Confirmation {
  readonly email?: string | undefined
  readonly code?: string | undefined
  readonly token?: string | undefined
}

function requireOne({ token, ...value }: Confirmation, context: z.RefinementCtx): void {
  if (token !== undefined) return
  for (const field of ['email', 'code'] as const) {
    if (value[field] === undefined) context.addIssue({ code: 'custom', path: [field], message: 'fault.required' })
  }
}

function confirmRoute(app: App, deps: PasswordRouteDeps): void {
  app.post(
    '/api/password/reset/confirm/',
    {
      config: { access: { who: 'public', scope: 'login' } },
      schema: {
        operationId: 'resetPassword',
        tags: ['Password'],
        summary: 'Set a new password',
        description:
          'Takes what the mail held: `email` and `code`, or the `token` of its link. Works once, ends every session, and signs nobody in.',
        body: confirmBody(deps.passwords),
        response: { 204: z.null(), ...refusals('invalid', 'password_token_invalid', 'overloaded') },
      },
    },
    async (request, reply) => {
      const asked = { shown: shownIn(request.body), newPassword: request.body.new_password }
      const outcome = await resetPassword(deps, asked, request.act(), deps.clock.now(), whenGone(reply))
      if (outcome.kind === 'faulty') throw invalid({ new_password: [...outcome.faults] })
      if (outcome.kind === 'refused') throw new Refusal('password_token_invalid', 'wrong, expired, used up or nobody’s')
      return reply.code(204).send(null)
    },
  )
}

function shownIn({ token, email = '', code = '' }: Confirmation): Shown {
  return token === undefined ? { email, code } : { token }
}
