import type { Faults, Text } from './fault.ts'

/**
 * Every way the server says no, with its HTTP status. Codes are public API: added, never renamed. Titles and details
 * stand in the locales under `refusal.CODE.title` and `refusal.CODE.detail`; each code has its page at `/errors/CODE/`.
 */
export const REFUSALS = {
  invalid: 400,
  parse_error: 400,
  bad_request: 400,
  phone_not_submitted: 400,
  already_verified: 400,
  otp_invalid: 400,
  recovery_code_invalid: 400,
  passkey_invalid: 400,
  password_token_invalid: 400,
  undo_invalid: 400,
  refresh_token_invalid: 400,
  token_blacklisted: 400,
  not_authenticated: 401,
  bad_authorization_header: 401,
  token_not_valid: 401,
  user_not_found: 401,
  user_inactive: 401,
  no_active_account: 401,
  permission_denied: 403,
  channel_locked: 403,
  sms_refused: 403,
  factor_locked: 403,
  reauthentication_required: 403,
  second_factor_required: 403,
  email_not_verified: 403,
  proof_of_work_required: 403,
  not_found: 404,
  method_not_allowed: 405,
  request_timeout: 408,
  phone_in_use: 409,
  last_admin: 409,
  last_factor: 409,
  last_sign_in_method: 409,
  no_usable_factor: 409,
  totp_not_begun: 409,
  passkey_in_use: 409,
  too_many_passkeys: 409,
  idempotency_in_progress: 409,
  request_too_large: 413,
  unsupported_media_type: 415,
  idempotency_key_reused: 422,
  throttled: 429,
  sms_limited: 429,
  headers_too_large: 431,
  internal_error: 500,
  overloaded: 503,
  channel_unavailable: 503,
} as const

export type RefusalCode = keyof typeof REFUSALS

interface RefusalDetails {
  /** In place of the code's own `detail`. */
  readonly detail?: Text
  /** What is wrong with which field; `non_field_errors` for the rest. */
  readonly faults?: Faults
  /** Further members of the problem, beside the common ones (RFC 9457 §3.2). */
  readonly members?: Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string>>
}

/** A public code outside, a private reason in the log; a secret in neither. Thrown at the edge, never inside a transaction. */
export class Refusal extends Error {
  readonly code: RefusalCode
  readonly status: number
  readonly details: RefusalDetails

  constructor(code: RefusalCode, reason: string, details: RefusalDetails = {}) {
    super(reason)
    this.name = 'Refusal'
    this.code = code
    this.status = REFUSALS[code]
    this.details = details
  }
}

/** A 400 that names the fields, each with all its faults. */
export const invalid = (faults: Faults): Refusal =>
  new Refusal('invalid', `fields at fault: ${Object.keys(faults).join(', ')}`, { faults })

/** A 429 that says when to come back (RFC 6585 §4). */
export function throttled(retryAfterSeconds: number, reason: string, headers: Record<string, string> = {}): Refusal {
  return new Refusal('throttled', reason, {
    detail: { id: 'refusal.throttled.wait', values: { seconds: retryAfterSeconds } },
    headers: { 'retry-after': String(retryAfterSeconds), ...headers },
  })
}
