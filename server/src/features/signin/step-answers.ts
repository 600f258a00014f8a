import type { FastifyRequest } from 'fastify'
import { badToken } from '../../http/guard.ts'
import { invalid, Refusal } from '../../kernel/refusal.ts'
import { refuseSending, withStatus } from '../account/service.ts'
import type { SignedIn } from './complete.ts'
import type { sendStepCode, Step } from './second-step-proof.ts'

/** The method proves nothing here: the user has no such factor, or it was the first one already. */
export const noFactorHere = (): Refusal =>
  new Refusal('permission_denied', 'no factor here', { detail: { id: 'refusal.permission_denied.no_factor_here' } })

/** The session or pending sign-in ended while the request was under way: what the guard says a moment later. */
export const over = (request: FastifyRequest): Refusal => badToken('refusal.token_not_valid.blacklisted', request)

/** Says no when a code was not sent for a second step. */
export function refuseStepCode(sending: Awaited<ReturnType<typeof sendStepCode>>, request: FastifyRequest): void {
  if (sending.kind === 'over' || sending.kind === 'gone') throw over(request)
  if (sending.kind === 'unusable') throw noFactorHere()
  refuseSending(sending)
}

/** The session a second step opened, or no. `wrong` is what a wrong code of that kind is refused with. */
export function openedBy(step: Step, wrong: () => Refusal, request: FastifyRequest): SignedIn {
  switch (step.kind) {
    case 'signed_in':
      return step
    case 'over':
      throw over(request)
    case 'wrong':
      throw wrong()
    case 'locked':
      throw new Refusal('factor_locked', 'too many wrong tries in a row')
    case 'unusable':
      throw noFactorHere()
    case 'phone_in_use':
      throw new Refusal('phone_in_use', 'another user has verified this number')
    case 'email_taken':
      throw invalid({ email: [{ id: 'fault.email_taken' }] })
  }
}

export const wrongCode = (): Refusal => withStatus('otp_invalid', 'Invalid Code')

export const wrongRecoveryCode = (): Refusal => new Refusal('recovery_code_invalid', 'wrong or used before')
