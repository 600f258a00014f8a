import { Refusal } from '../../kernel/refusal.ts'
import type { Method } from './methods.ts'

/** Every no of this feature's services. */
type No =
  | {
      readonly kind:
        | 'gone'
        | 'email_not_verified'
        | 'no_usable_factor'
        | 'not_begun'
        | 'wrong'
        | 'none'
        | 'last_factor'
        | 'last_sign_in_method'
    }
  | { readonly kind: 'second_factor_required'; readonly methods: readonly Method[] }

/** A no in the API's words. */
export function refusalOf(no: No): Refusal {
  switch (no.kind) {
    case 'gone':
      return new Refusal('user_not_found', 'gone while asking')
    case 'not_begun':
      return new Refusal('totp_not_begun', 'no app waits to be confirmed')
    case 'wrong':
      // As where the origin's clients read a status text: this code has it everywhere.
      return new Refusal('otp_invalid', 'no code of the app that waits', { members: { status: 'Invalid Code' } })
    case 'none':
      return new Refusal('not_found', 'no authenticator app')
    case 'second_factor_required':
      return new Refusal(no.kind, 'the session passed no second factor', { members: { methods: no.methods } })
    default:
      return new Refusal(no.kind, no.kind)
  }
}
