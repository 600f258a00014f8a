import { invalid, Refusal, throttled } from '../../kernel/refusal.ts'
import type { Sending } from './codes.ts'
import type { ProfileRefusal } from './profile.ts'
import { emailTaken } from './taken.ts'

/** Says no in the contract's words when a code was not sent. */
export function refuseSending(sending: Sending): void {
  switch (sending.kind) {
    case 'sent':
      return
    case 'no_address':
      throw withStatus('phone_not_submitted', 'User Phone Number has not submited')
    case 'already_verified':
      throw withStatus('already_verified', 'User already is verified')
    case 'cooldown':
    case 'destination_full':
      throw throttled(sending.retryAfterSeconds, `code not sent: ${sending.kind}`)
    case 'sms_limited':
      throw smsLimited(sending.retryAfterSeconds)
    case 'sms_refused':
      throw new Refusal('sms_refused', 'no codes by SMS to that country')
    case 'locked':
      throw new Refusal('channel_locked', 'too many wrong codes in a row')
    case 'gone':
      throw new Refusal('user_not_found', 'gone while asking')
    case 'unavailable':
      throw new Refusal('channel_unavailable', 'no gateway for this channel')
  }
}

/** Which limit it was stays in the log: whoever pumps would learn from it where to go on. */
const smsLimited = (retryAfterSeconds: number): Refusal =>
  new Refusal('sms_limited', 'the SMS firewall', { headers: { 'retry-after': String(retryAfterSeconds) } })

/** The origin's clients read a `status` text; it never changes with the language. */
export const withStatus = (
  code: 'phone_not_submitted' | 'already_verified' | 'otp_invalid' | 'refresh_token_invalid',
  status: string,
): Refusal => new Refusal(code, status, { members: { status } })

export const noSuchUser = (): Refusal =>
  new Refusal('not_found', 'no such user', { detail: { id: 'refusal.not_found.user' } })

/** Why a user's record was not changed. */
export function refuseChange({ kind }: ProfileRefusal): Refusal {
  switch (kind) {
    case 'gone':
      return noSuchUser()
    case 'email_taken':
      return emailTaken()
    case 'phone_not_verified':
      return invalid({ phone_sign_in: [{ id: 'fault.phone_not_verified' }] })
    case 'last_factor':
    case 'last_sign_in_method':
      return new Refusal(kind, 'its verified address is the last of them')
  }
}
