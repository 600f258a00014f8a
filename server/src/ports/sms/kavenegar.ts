import { createHash } from 'node:crypto'
import { z } from 'zod'
import { nationalPhone } from '../../kernel/address.ts'
import type { Phone } from '../../kernel/address.ts'
import type { SendOutcome } from '../../kernel/delivery.ts'
import { seconds } from '../../kernel/duration.ts'
import type { Duration } from '../../kernel/duration.ts'
import { refusal } from './kavenegar-status.ts'
import type { Sms, SmsGateway } from './port.ts'
import { post } from './post.ts'
import type { Answer } from './post.ts'

export interface KavenegarSettings {
  readonly apiKey: string
  /** The sender line; undefined: the account's default one. */
  readonly sender: string | undefined
  /** An approved Verify Lookup template with `%token`; undefined: our own text. */
  readonly template: string | undefined
  /** Without `/v1`. */
  readonly baseUrl: string
}

export interface KavenegarGateway extends SmsGateway {
  /** Asks `account/info`: proves key and connection, and tells what credit is left, in rials. Never throws. */
  accountInfo(): Promise<KavenegarAccount>
}

export type KavenegarAccount =
  | { readonly kind: 'ready'; readonly creditRials: number }
  | { readonly kind: 'failed'; readonly reason: string }

// It answers within a second or two; a code lives two minutes, and a worker's hand should not be held by a silent host.
const ANSWER_TIMEOUT = seconds(15)

/**
 * Kavenegar REST v1. A message with a code goes by Verify Lookup when a template is set, every other by `sms/send` with a
 * `localid`, by which the gateway recognises a second copy; so `sms/send` may be repeated after a lost answer (`retry`),
 * Verify Lookup may not (`unknown`). The key is part of the URL: no URL is ever part of a reason.
 */
export function createKavenegarGateway(
  settings: KavenegarSettings,
  { timeout = ANSWER_TIMEOUT }: { readonly timeout?: Duration } = {},
): KavenegarGateway {
  const base = `${settings.baseUrl.replace(/\/+$/, '')}/v1/${encodeURIComponent(settings.apiKey)}`
  const headers = { 'content-type': 'application/x-www-form-urlencoded; charset=UTF-8', accept: 'application/json' }
  const call = (method: string, form: Readonly<Record<string, string>>): Promise<Answer> =>
    post(`${base}/${method}.json`, headers, new URLSearchParams(form).toString(), timeout)

  return {
    name: 'kavenegar',
    async send(sms) {
      const receptor = receptorOf(sms.to)
      if (settings.template !== undefined && sms.code !== undefined) {
        const form = { receptor, template: settings.template, token: sms.code }
        return outcome(await call('verify/lookup', form), 'unknown')
      }
      const sender = settings.sender === undefined ? {} : { sender: settings.sender }
      const form = { receptor, message: sms.text, localid: localId(sms), ...sender }
      return outcome(await call('sms/send', form), 'retry')
    },
    accountInfo: async () => account(await call('account/info', {})),
    close: async () => {},
  }
}

// `09…` is what its documents show; `00` and country code for the rest of the world, which it answers 411 where it cannot.
const receptorOf = (phone: Phone): string => (phone.startsWith('+98') ? nationalPhone(phone) : `00${phone.slice(1)}`)

/**
 * The first 53 bits of SHA-256 of the id: a number that neither a signed 64-bit integer nor a double cuts. Two of a
 * million messages share one with a chance of 1 in 18 000, and the second of them would not be sent.
 */
function localId(sms: Sms): string {
  const digest = createHash('sha256').update(sms.id).digest()
  return String(digest.readBigUInt64BE() >> 11n)
}

const Envelope = z.object({ return: z.object({ status: z.int() }), entries: z.unknown().optional() })
const AccountEntries = z.object({ remaincredit: z.number() })

function readEnvelope(body: string): z.infer<typeof Envelope> | undefined {
  try {
    return Envelope.safeParse(JSON.parse(body)).data
  } catch {
    return undefined // HTML, or JSON cut short
  }
}

/** `unanswered` is what a message becomes that was sent off and may have been accepted. */
function outcome(answer: Answer, unanswered: 'retry' | 'unknown'): SendOutcome {
  if (answer.kind === 'not_sent') return { kind: 'retry', reason: `kavenegar: ${answer.reason}` }
  if (answer.kind === 'untrusted') return { kind: 'operator_fault', reason: `kavenegar: ${answer.reason}` }
  if (answer.kind === 'no_answer') return perhaps(unanswered, `kavenegar: ${answer.reason}`)
  // Before the HTTP status, which some of its front ends leave at 200 whatever the body says.
  const envelope = readEnvelope(answer.body)
  if (!envelope) return unreadable(answer.status, unanswered)
  if (envelope.return.status !== 200) return refusal(envelope.return.status)
  if (answer.status !== 200) return perhaps(unanswered, `kavenegar: HTTP ${answer.status} around a success`)
  const gatewayId = messageId(answer.body)
  return gatewayId === undefined ? { kind: 'sent' } : { kind: 'sent', gatewayId }
}

function unreadable(status: number, unanswered: 'retry' | 'unknown'): SendOutcome {
  const reason = `kavenegar: unavailable, HTTP ${status} without its envelope`
  if (status >= 300 && status < 400) {
    return { kind: 'operator_fault', reason: `kavenegar: HTTP ${status} redirect: check KAVENEGAR_BASE_URL` }
  }
  // A proxy's 504 is a time-out after sending by another name.
  return perhaps(status === 504 ? unanswered : 'retry', reason)
}

const perhaps = (kind: 'retry' | 'unknown', reason: string): SendOutcome =>
  kind === 'retry' ? { kind, reason, isPerhapsAccepted: true } : { kind, reason }

// Read from the text: a 64-bit integer that JSON.parse would round. Inside a JSON string its quotes would be escaped.
const messageId = (body: string): string | undefined => /"messageid"\s*:\s*(\d{1,20})\b/.exec(body)?.[1]

function account(answer: Answer): KavenegarAccount {
  const failure = outcome(answer, 'retry')
  if (failure.kind !== 'sent') return { kind: 'failed', reason: failure.reason }
  const entries =
    answer.kind === 'answered' ? AccountEntries.safeParse(readEnvelope(answer.body)?.entries).data : undefined
  if (!entries) return { kind: 'failed', reason: 'kavenegar: account/info without a credit' }
  return { kind: 'ready', creditRials: entries.remaincredit }
}
