import type { NodemailerError } from 'nodemailer'
import type { SendOutcome } from '../../kernel/delivery.ts'
import { isTlsCode } from '../../kernel/network-fault.ts'

/** A mail that was not accepted. */
export type Failure = Exclude<SendOutcome, { readonly kind: 'sent' }>

/** What no reason may repeat although a server may echo it: addresses, names, passwords, codes. */
export type Hidden = readonly (string | undefined)[]

/**
 * What a failed mail means. 4yz and a broken connection pass (`retry`); 5yz is final (RFC 5321 §4.2.1) and is the user's,
 * the message's or the operator's matter, by the command it answers and by its enhanced code (RFC 3463); a refused login
 * and TLS or a certificate that will not do are the operator's.
 */
export function smtpFailure(error: NodemailerError, hidden: Hidden): Failure {
  const { code, responseCode, response = '' } = error
  if (responseCode !== undefined) return repliedFailure(error, responseCode, quote(response, hidden))
  if (code === 'EAUTH' || code === 'ENOAUTH') return operator('login failed, the server takes none of our methods')
  if (code === 'EENVELOPE') return { kind: 'recipient_refused', reason: 'smtp: not an address to send to' }
  if (code === 'EMESSAGE') return { kind: 'message_refused', reason: 'smtp: larger than the server takes' }
  const cause = error.timeoutType ?? error.originalCode ?? code ?? error.name
  if (isTlsCode(cause)) return operator(`the server's TLS certificate was refused (${cause})`)
  return { kind: 'retry', reason: `smtp: unavailable (${cause})` }
}

function repliedFailure(error: NodemailerError, replyCode: number, reply: string): Failure {
  // 503 says that the conversation went wrong, not that the mail is refused: a new connection may mend it.
  if (replyCode < 500 || replyCode === 503) return { kind: 'retry', reason: `smtp: ${reply}` }
  if (error.code === 'EAUTH') return refusedLogin(replyCode, reply)
  if (error.command === 'STARTTLS') return operator(`the server offers no STARTTLS, which is required: ${reply}`)
  if (OPERATOR_REPLY.test(reply)) return operator(reply)
  if (error.command === 'RCPT TO' || RECIPIENT_REPLY.test(reply)) {
    return { kind: 'recipient_refused', reason: `smtp: ${reply}` }
  }
  const aboutTheMail = error.command === 'DATA' || replyCode === 552
  return aboutTheMail ? { kind: 'message_refused', reason: `smtp: ${reply}` } : operator(reply)
}

// Wants a login; the account's daily limit (Gmail's 5.4.5); relaying or sender authentication (SPF, DKIM, DMARC) refused.
const OPERATOR_REPLY = /^530\b|\b5\.4\.5\b|\brelay|authenticat/i
// RFC 3463 §3.2 and §3.3: bad destination address, mailbox disabled or full. Some servers check it only after DATA.
const RECIPIENT_REPLY = /^\d{3}[ -]5\.(?:1\.[1-6]|2\.[0-3])\b/

const operator = (detail: string): Failure => ({ kind: 'operator_fault', reason: `smtp: ${detail}` })

// Only the codes: the text of a refused login is the likeliest to name the account.
function refusedLogin(replyCode: number, reply: string): Failure {
  const codes = /^\d{3}[ -]\d\.\d{1,3}\.\d{1,3}/.exec(reply)?.[0].replace('-', ' ') ?? String(replyCode)
  return operator(`login refused (${codes}): ${loginHint(replyCode, reply)}`)
}

function loginHint(replyCode: number, reply: string): string {
  // RFC 4954 §6: encryption required for this mechanism.
  if (replyCode === 538) return 'the server wants TLS first: set EMAIL_USE_TLS=true'
  if (/gsmtp|BadCredentials|Application-specific/i.test(reply))
    return 'Gmail wants an app password: https://myaccount.google.com/apppasswords'
  return 'check EMAIL_HOST_USER and EMAIL_HOST_PASSWORD'
}

// Enough for a server's sentence, too little to fill a log.
const MAX_QUOTED = 200
// Looking for addresses takes time by the square of what is looked through: 2 s for the 64 KiB a reply may have.
const MAX_READ = 2000

/** The server's reply on one line, without any address or hidden word. */
function quote(reply: string, hidden: Hidden): string {
  const words = new Set(hidden.map((word) => word?.toLowerCase()))
  return beginningOf(reply)
    .replace(/[\p{Cc}\s]+/gu, ' ')
    .replace(/[^\s<>]*@[^\s<>]*/g, '[address]')
    .replace(/[^\s<>()[\]"'`:;,=]+/g, (word) => (words.has(word.toLowerCase()) ? '[hidden]' : word))
    .slice(0, MAX_QUOTED)
    .trim()
}

/** Without the word that a cut would go through: half an address is not known for one. */
const beginningOf = (reply: string): string =>
  reply.length <= MAX_READ ? reply : reply.slice(0, MAX_READ).replace(/\S*$/, '')
