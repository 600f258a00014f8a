/** Everything the audit tells of. The names are public API: added, never renamed; docs/audit.md says what each means. */
export const EVENT_TYPES = [
  'registration_requested',
  'registered',
  'invited',
  'signed_in',
  'sign_in_failed',
  'second_factor_required',
  'second_factor_failed',
  'reauthenticated',
  'reauthentication_failed',
  'logged_out',
  'session_ended',
  'sessions_ended',
  'refresh_token_reused',
  'method_locked',
  'unlocked',
  'password_changed',
  'password_change_failed',
  'password_reset_requested',
  'password_reset',
  'password_voided',
  'email_verified',
  'email_change_requested',
  'email_changed',
  'phone_verified',
  'phone_change_requested',
  'phone_changed',
  'phone_removed',
  'address_change_cancelled',
  'address_change_undone',
  'phone_sign_in_on',
  'phone_sign_in_off',
  'two_factor_on',
  'two_factor_off',
  'totp_added',
  'totp_removed',
  'passkey_added',
  'passkey_renamed',
  'passkey_removed',
  'recovery_codes_made',
  'recovery_code_used',
  'recovery_codes_removed',
  'profile_changed',
  'deactivated',
  'activated',
  'admin_granted',
  'admin_revoked',
  'account_deleted',
  'account_expired',
  'secret_changed',
  'backup_restored',
] as const

export type EventType = (typeof EVENT_TYPES)[number]

/** Something that happened. */
export interface AuditEvent {
  readonly type: EventType
  /** On whom; null when there is no such account. */
  readonly userId: number | null
  /** Not given: success. */
  readonly result?: 'success' | 'failure'
  /** No secret; addresses through `maskedAddress`. The user it happened to reads them too. */
  readonly details?: Readonly<Record<string, string | number | boolean | readonly string[]>>
}
