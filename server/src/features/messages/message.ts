import type { Phone } from '../../kernel/address.ts'
import type { Language } from '../../kernel/language.ts'

interface Addressed {
  readonly language: Language
  readonly userId: number
}

interface CodeMessage extends Addressed {
  /** `address_change_code` goes to the new address. */
  readonly kind: 'verification_code' | 'address_change_code'
  readonly code: string
  /** Past it the code is worth nothing, and the message is not sent. */
  readonly expiresAt: Date
}

export type CodeMail = CodeMessage & { readonly channel: 'email'; readonly to: string }
export type CodeSms = CodeMessage & { readonly channel: 'sms'; readonly to: Phone }

/** Tells the user that a session was ended because an old refresh token of it was used again. */
export interface ReuseNotice extends Addressed {
  readonly kind: 'refresh_token_reused'
  readonly channel: 'email'
  readonly to: string
  /** When that session began, and from which address: how the user recognises it. */
  readonly signedInAt: Date
  readonly ip: string
}

/** Everything we ever say to someone outside a request. */
export type Message = CodeMail | CodeSms | ReuseNotice
