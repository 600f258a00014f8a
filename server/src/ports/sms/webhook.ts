import { createHmac } from 'node:crypto'
import { z } from 'zod'
import type { Clock } from '../../kernel/clock.ts'
import type { SendOutcome } from '../../kernel/delivery.ts'
import { milliseconds, seconds, toEpochSeconds } from '../../kernel/duration.ts'
import type { Duration } from '../../kernel/duration.ts'
import type { Sms, SmsGateway } from './port.ts'
import { post } from './post.ts'
import type { Answer } from './post.ts'

export interface SmsWebhookSettings {
  readonly url: string
  /** `whsec_` and base64, as Standard Webhooks writes secrets, or any other text, whose UTF-8 bytes are the key. */
  readonly secret: string
}

// Standard Webhooks advises 15 to 30 s; a code lives two minutes and is to be tried again within them.
const ANSWER_TIMEOUT = seconds(15)

/**
 * Hands messages to the operator's own gateway: POST of JSON, signed per Standard Webhooks 1.0.0 (`webhook-id`,
 * `webhook-timestamp`, `webhook-signature`). 2xx means accepted. `webhook-id` is the same for every copy of one message,
 * and the receiver is to act on it once; therefore a lost answer is a `retry`.
 */
export function createSmsWebhook(
  settings: SmsWebhookSettings,
  { clock, timeout = ANSWER_TIMEOUT }: { readonly clock: Clock; readonly timeout?: Duration },
): SmsGateway {
  const key = signingKey(settings.secret)
  return {
    name: 'webhook',
    async send(sms) {
      const now = clock.now()
      const id = `msg_${sms.id}`
      const body = JSON.stringify(payload(sms, id, now))
      const timestamp = String(toEpochSeconds(now))
      const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')
      const headers = {
        'content-type': 'application/json',
        'webhook-id': id,
        'webhook-timestamp': timestamp,
        'webhook-signature': `v1,${signature}`,
      }
      return outcome(await post(settings.url, headers, body, timeout), now)
    },
    close: async () => {},
  }
}

const signingKey = (secret: string): Buffer =>
  secret.startsWith('whsec_') ? Buffer.from(secret.slice('whsec_'.length), 'base64') : Buffer.from(secret)

const payload = (sms: Sms, ref: string, now: Date): object => ({
  type: 'message.send',
  timestamp: now.toISOString(),
  data: {
    channel: 'sms',
    to: sms.to,
    code: sms.code,
    text: sms.text,
    template: sms.template,
    lang: sms.language,
    ref,
  },
})

// What says that the address or the secret is wrong rather than the message.
const OPERATOR_STATUSES: readonly number[] = [401, 403, 404, 405, 410]

function outcome(answer: Answer, now: Date): SendOutcome {
  if (answer.kind === 'untrusted') return { kind: 'operator_fault', reason: `sms webhook: ${answer.reason}` }
  if (answer.kind === 'not_sent') return { kind: 'retry', reason: `sms webhook: ${answer.reason}` }
  if (answer.kind === 'no_answer')
    return { kind: 'retry', reason: `sms webhook: ${answer.reason}`, isPerhapsAccepted: true }
  const { status } = answer
  if (status >= 200 && status < 300) return accepted(answer.body)
  const reason = `sms webhook: HTTP ${status}`
  if (status >= 500 || status === 429 || status === 408)
    return { kind: 'retry', reason, ...waitOf(answer.retryAfter, now), ...perhapsAccepted(status) }
  if (status < 400) return { kind: 'operator_fault', reason: `${reason} redirect: check SMS_WEBHOOK_URL` }
  if (OPERATOR_STATUSES.includes(status)) {
    return { kind: 'operator_fault', reason: `${reason}: check SMS_WEBHOOK_URL and SMS_WEBHOOK_SECRET` }
  }
  return { kind: 'message_refused', reason }
}

/** Only a plain refusal says that nothing was begun: a receiver may fail after it has sent, or its proxy lose the answer. */
const perhapsAccepted = (status: number): { readonly isPerhapsAccepted?: true } =>
  status === 429 || status === 503 ? {} : { isPerhapsAccepted: true }

const Receipt = z.object({ id: z.union([z.string().min(1).max(200), z.number().transform(String)]) })

function accepted(body: string): SendOutcome {
  try {
    const receipt = Receipt.safeParse(JSON.parse(body)).data
    return receipt ? { kind: 'sent', gatewayId: receipt.id } : { kind: 'sent' }
  } catch {
    return { kind: 'sent' } // the body is the receiver's own affair
  }
}

/** `Retry-After` in seconds or as a date (RFC 9110 §10.2.3); what is neither is as if it were not there. */
function waitOf(retryAfter: string | undefined, now: Date): { readonly retryAfter?: Duration } {
  if (retryAfter === undefined) return {}
  if (/^\d{1,9}$/.test(retryAfter)) return { retryAfter: seconds(Number(retryAfter)) }
  const moment = Date.parse(retryAfter)
  return Number.isNaN(moment) ? {} : { retryAfter: milliseconds(Math.max(0, moment - now.getTime())) }
}
