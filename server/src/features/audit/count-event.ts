import type { Count, Counted } from '../../kernel/count.ts'
import type { AuditEvent } from './event.ts'

/** Counts what was put on record, and what it tells of a sign-in. */
export function countEvent(count: Count, event: AuditEvent): void {
  const { type, result = 'success', details = {} } = event
  count('event', { event: type, result })
  if (type === 'signed_in') {
    count('sign_in', { method: firstFactor(details['amr']), outcome: 'signed_in' })
    if (typeof details['factor'] === 'string') count('second_factor', { method: details['factor'], outcome: 'passed' })
  }
  if (type === 'sign_in_failed') count('sign_in', { method: failedFactor(details['reason']), outcome: 'failed' })
  if (type === 'second_factor_failed' && Array.isArray(details['methods']))
    for (const method of details['methods'] as string[]) count('second_factor', { method, outcome: 'failed' })
}

type Details = NonNullable<AuditEvent['details']>
type FirstFactor = Counted['sign_in']['method']

/** RFC 8176 §2; the first that was proven stands first. */
const BY_AMR: Readonly<Record<string, FirstFactor>> = {
  pwd: 'password',
  otp: 'code',
  sms: 'code',
  hwk: 'passkey',
  swk: 'passkey',
}

const firstFactor = (amr: Details[string] | undefined): FirstFactor =>
  (Array.isArray(amr) && BY_AMR[(amr as readonly string[])[0] ?? '']) || 'unknown'

const BY_REASON: Readonly<Record<string, FirstFactor>> = {
  wrong_password: 'password',
  unknown_account: 'password',
  wrong_code: 'code',
  wrong_passkey: 'passkey',
  passkey_copied: 'passkey',
}

const failedFactor = (reason: Details[string] | undefined): FirstFactor => BY_REASON[String(reason)] ?? 'unknown'
