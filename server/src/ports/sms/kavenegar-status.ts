import type { SendOutcome } from '../../kernel/delivery.ts'
import { seconds } from '../../kernel/duration.ts'

type Refusal = Exclude<SendOutcome['kind'], 'sent' | 'maybe_taken' | 'unknown'>

// Long enough for an address that is being throttled to be let go, short enough for a code that lives two minutes.
const BACK_OFF = seconds(30)

/** Every failing `return.status` of REST v1: whose matter it is, and what it means. */
const REFUSALS: Readonly<Record<number, readonly [Refusal, string]>> = {
  400: ['operator_fault', 'a parameter is missing'],
  401: ['operator_fault', 'the account is disabled'],
  402: ['retry', 'the operation failed'],
  403: ['operator_fault', 'the API key is not valid: check KAVENEGAR_API_KEY'],
  404: ['operator_fault', 'no such method: check KAVENEGAR_BASE_URL'],
  405: ['operator_fault', 'wrong HTTP method: check KAVENEGAR_BASE_URL'],
  406: ['operator_fault', 'a required parameter is empty'],
  407: ['operator_fault', 'access denied: check the IP rules in the panel'],
  409: ['retry', 'unavailable'],
  411: ['recipient_refused', 'not a number it can reach'],
  412: ['operator_fault', 'the sender line is not valid: check KAVENEGAR_SENDER'],
  413: ['operator_fault', 'the text is empty or too long'],
  414: ['operator_fault', 'too many recipients at once'],
  415: ['operator_fault', 'start index out of range'],
  416: ['operator_fault', "this server's IP is not among those allowed in the panel"],
  417: ['operator_fault', 'the date is not valid'],
  418: ['operator_fault', "the account's credit is used up: top it up"],
  419: ['operator_fault', 'lists of different length'],
  420: ['message_refused', 'links are not allowed for this account'],
  422: ['message_refused', 'a character it cannot handle'],
  424: ['operator_fault', 'no such template, or not approved yet: check KAVENEGAR_TEMPLATE'],
  426: ['operator_fault', 'Verify Lookup needs the advanced service on the account'],
  427: ['operator_fault', 'the account may not use this sender line: check KAVENEGAR_SENDER'],
  428: ['message_refused', 'the code cannot be spoken'],
  429: ['retry', "this server's IP is throttled"],
  431: ['message_refused', 'the code has a character a template cannot take'],
  432: ['operator_fault', 'the template has no %token: check KAVENEGAR_TEMPLATE'],
  451: ['retry', "too many calls, this server's IP is throttled"],
  501: ['operator_fault', "a trial account sends to its owner's number only"],
  607: ['operator_fault', 'the tag is not valid'],
}

/**
 * What a failing `return.status` means for the message. A status not known here is the operator's matter, since somebody
 * has to look at it; one in the 500s passes.
 */
export function refusal(status: number): SendOutcome {
  const unknown: readonly [Refusal, string] = [
    status >= 500 && status < 600 ? 'retry' : 'operator_fault',
    'a status this version does not know',
  ]
  const [kind, meaning] = REFUSALS[status] ?? unknown
  const reason = `kavenegar ${status}: ${meaning}`
  if (status === 429 || status === 451) return { kind: 'retry', reason, retryAfter: BACK_OFF }
  // "Failed" does not say that nothing was begun; only 409 says that it was not taken.
  return kind === 'retry' && status !== 409 ? { kind, reason, isPerhapsAccepted: true } : { kind, reason }
}
