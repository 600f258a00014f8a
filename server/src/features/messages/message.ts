import type { Phone } from '../../kernel/address.ts'
import type { Language } from '../../kernel/language.ts'

interface Addressed {
  readonly language: Language
  /** Null: nobody has this address, and the message is only written, never sent. `anyone`: it is sent, and refers to no user. */
  readonly userId: number | 'anyone' | null
}

interface CodeMessage extends Addressed {
  /** `address_change_code` goes to the new address. */
  readonly kind:
    | 'registration_code'
    | 'verification_code'
    | 'address_change_code'
    | 'second_factor_code'
    | 'reauthentication_code'
    | 'sign_in_code'
  readonly code: string
  /** Past it the code is worth nothing, and the message is not sent. */
  readonly expiresAt: Date
}

export type CodeMail = CodeMessage & { readonly channel: 'email'; readonly to: string }
export type CodeSms = CodeMessage & {
  readonly kind: Exclude<CodeMessage['kind'], 'registration_code'>
  readonly channel: 'sms'
  readonly to: Phone
}

/** A code and a link, either of which sets a new password. */
export interface PasswordMail extends Addressed {
  readonly kind: 'password_reset' | 'invitation'
  readonly channel: 'email'
  readonly to: string
  /** As it is shown: twelve characters in groups of four, with dashes between. */
  readonly code: string
  /** Carries the code: as secret as it is. Absolute, http or https. */
  readonly link: string
  readonly expiresAt: Date
}

/** What each notice tells, beside when it happened. Addresses are masked. */
export interface NoticeFacts {
  /** When the session began that was ended for it, and from which address: how the user recognises it. */
  readonly refresh_token_reused: { readonly signedInAt: Date; readonly ip: string }
  /** `device` is empty when the program did not say what it is. */
  readonly new_sign_in: { readonly device: string; readonly ip: string }
  readonly password_changed: { readonly ip: string }
  readonly password_was_reset: { readonly ip: string }
  readonly email_change_requested: { readonly address: string }
  readonly email_changed: { readonly address: string }
  readonly phone_change_requested: { readonly address: string }
  readonly phone_changed: { readonly address: string }
  readonly phone_verified: { readonly address: string }
  readonly phone_removed: { readonly address: string }
  readonly address_change_undone: { readonly address: string }
  /** To the owner of an address with which somebody registers, or which he asks for as his: in place of a code to it. */
  readonly registration_taken: { readonly ip: string }
  readonly address_taken: { readonly ip: string }
  readonly phone_sign_in_on: { readonly address: string }
  readonly two_factor_on: { readonly ip: string }
  readonly two_factor_off: { readonly ip: string }
  readonly totp_added: { readonly ip: string }
  readonly totp_removed: { readonly ip: string }
  readonly passkey_added: { readonly name: string }
  readonly passkey_removed: { readonly name: string }
  /** Most likely: its counter did not go on. */
  readonly passkey_copied: { readonly name: string }
  readonly recovery_codes_made: { readonly ip: string }
  readonly recovery_code_used: { readonly left: number; readonly ip: string }
  /** By wrong tries of whoever knew the password. */
  readonly method_locked: { readonly ip: string }
  readonly account_deleted: object
  /** By an operator or an admin. */
  readonly sessions_ended_for_you: object
  readonly factors_removed_for_you: object
  readonly two_factor_off_for_you: object
  readonly password_voided_for_you: object
  readonly unlocked_for_you: object
  readonly deactivated_for_you: object
  readonly activated_for_you: object
}

export type NoticeKind = keyof NoticeFacts

/** Tells the user what happened to the account, at the address on file. */
export type Notice = {
  readonly [Kind in NoticeKind]: Addressed & {
    readonly kind: Kind
    readonly channel: 'email'
    readonly to: string
    readonly facts: NoticeFacts[Kind]
    /** Opens the page that undoes it; a notice with one is never held back. */
    readonly undo?: { readonly link: string; readonly until: Date }
    /** Nobody has shown that the address is his: it may be a stranger's. */
    readonly isUnproven?: boolean
  }
}[NoticeKind]

export type MailMessage = CodeMail | PasswordMail | Notice

/** Everything we ever say to someone outside a request. */
export type Message = MailMessage | CodeSms
