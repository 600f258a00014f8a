import { countCodePoints, isWellFormedText } from '../kernel/text.ts'
import { kind } from './kinds.ts'
import type { Kind } from './kinds.ts'

const ONE_LINE = /^[^\p{Cc}\u2028\u2029]*$/u

/** Text that fits a header, a log line and a mail subject: well-formed, on one line, not longer than `max` characters. */
export const oneLine = (max: number): Kind<string> =>
  kind(`text on one line of at most ${max} characters`, (text) =>
    isWellFormedText(text) && ONE_LINE.test(text) && countCodePoints(text) <= max ? text : undefined,
  )

const MAILBOX = /^[^\s@<>"(),:;\\]{1,64}@[^\s@<>"(),:;\\]{1,253}$/
const NAMED_MAILBOX = /^[^<>@\p{Cc}]{1,100}<([^<>]+)>$/u

/** Whether this is a bare address. Wider than what users may register with: `latchkey@localhost` is fine to send from. */
export const isMailbox = (text: string): boolean => MAILBOX.test(text)

/** `noreply@example.com` or `Example <noreply@example.com>` (RFC 5322 §3.4). */
export const sender: Kind<string> = kind('an address, or a name with an address in angle brackets', (text) =>
  isMailbox(NAMED_MAILBOX.exec(text)?.[1] ?? text) ? text : undefined,
)

/** An IANA time zone name. Intl knows offsets too, but those do not know summer time. */
export const timeZone: Kind<string> = kind('an IANA time zone name', (text) => {
  if (!/^[A-Za-z]/.test(text)) return undefined
  try {
    new Intl.DateTimeFormat('en', { timeZone: text }).format(0)
    return text
  } catch {
    return undefined // RangeError: no such zone
  }
})

/** StringOrURI of RFC 7519 §2: whatever holds a colon must be a URI. */
export const stringOrUri: Kind<string> = kind('a name without spaces, or a URI when it holds a colon', (text) => {
  if (!/^[\x21-\x7e]{1,255}$/.test(text)) return undefined
  return !text.includes(':') || URL.canParse(text) ? text : undefined
})

const WEBHOOK_KEY_BYTES = { min: 24, max: 64 }

/** Standard Webhooks: 24 to 64 bytes, after `whsec_` in base64, without it as they stand. */
export const webhookSecret: Kind<string> = kind(
  `${WEBHOOK_KEY_BYTES.min} to ${WEBHOOK_KEY_BYTES.max} bytes, as whsec_ and base64 or as plain text`,
  (text) => {
    if (!ONE_LINE.test(text)) return undefined
    const encoded = /^whsec_(.*)$/.exec(text)?.[1]
    if (encoded !== undefined && !/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2,3}={0,2})?$/.test(encoded)) return undefined
    const length = encoded === undefined ? Buffer.byteLength(text) : Buffer.byteLength(encoded, 'base64')
    return length >= WEBHOOK_KEY_BYTES.min && length <= WEBHOOK_KEY_BYTES.max ? text : undefined
  },
)
