import { createHmac, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { systemClock } from '../../src/kernel/clock.ts'
import type { Clock } from '../../src/kernel/clock.ts'
import { toEpochSeconds } from '../../src/kernel/duration.ts'
import { systemRandom } from '../../src/kernel/random.ts'
import { answerWithFault, createPlan } from './faults.ts'
import type { HttpFault } from './faults.ts'
import { listenHttp } from './loopback.ts'
import type { Loopback } from './loopback.ts'

/** How to answer one call: with this status, headers and body, or with a fault; the message is not taken unless 2xx. */
export type WebhookReaction =
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }
  | HttpFault
  /** Taken, then the connection is cut. */
  | 'lost'

export interface WebhookMessage {
  /** `webhook-id`. */
  readonly id: string
  /** The body's `data`. */
  readonly data: Readonly<Record<string, unknown>>
}

export interface WebhookLookalike extends Loopback {
  readonly secret: string
  /** Each message once, however many copies of it came. */
  readonly messages: readonly WebhookMessage[]
  /** Copies included. */
  readonly requests: number
  plan(reaction: WebhookReaction, times?: number): void
}

export interface WebhookOptions {
  readonly clock?: Clock
  /** `whsec_` and base64, or any other text. */
  readonly secret?: string
}

/** An operator's own SMS gateway: checks the signature as Standard Webhooks 1.0.0 says (401 otherwise), answers 200. */
export async function startWebhook({
  clock = systemClock,
  secret = `whsec_${Buffer.from(systemRandom.bytes(24)).toString('base64')}`,
}: WebhookOptions = {}): Promise<WebhookLookalike> {
  const taken = new Map<string, WebhookMessage>()
  const plan = createPlan<WebhookReaction>()
  let requests = 0

  const server = await listenHttp((request, body, response) => {
    requests += 1
    if (request.method !== 'POST' || !isSigned(request, body, secret, clock)) return void response.writeHead(401).end()
    const id = String(request.headers['webhook-id'])
    const reaction = plan.next() ?? { status: 200, body: JSON.stringify({ id: `gw-${id}` }) }
    if (typeof reaction === 'string' && reaction !== 'lost') return answerWithFault(reaction, request, response)
    const isTaken = reaction === 'lost' || (reaction.status >= 200 && reaction.status < 300)
    if (isTaken) taken.set(id, { id, data: (JSON.parse(body) as Pick<WebhookMessage, 'data'>).data })
    if (reaction === 'lost') return void request.socket.resetAndDestroy()
    response.writeHead(reaction.status, reaction.headers).end(reaction.body)
  })
  return {
    ...server,
    secret,
    get messages() {
      return [...taken.values()]
    },
    get requests() {
      return requests
    },
    plan: plan.plan,
  }
}

const TOLERANCE_SECONDS = 5 * 60

/** The receiver's half of the specification, from its text and not from our code: id, timestamp, then one good signature. */
function isSigned(request: IncomingMessage, body: string, secret: string, clock: Clock): boolean {
  const [id, timestamp, signatures] = ['id', 'timestamp', 'signature'].map((name) => request.headers[`webhook-${name}`])
  if (typeof id !== 'string' || typeof timestamp !== 'string' || typeof signatures !== 'string') return false
  if (Math.abs(toEpochSeconds(clock.now()) - Number(timestamp)) > TOLERANCE_SECONDS) return false
  const [prefix, encoded = ''] = secret.split('_', 2)
  const key = prefix === 'whsec' ? Buffer.from(encoded, 'base64') : Buffer.from(secret, 'utf8')
  const expected = createHmac('sha256', key).update([id, timestamp, body].join('.')).digest()
  return signatures.split(' ').some((signature) => {
    const [version, value = ''] = signature.split(',')
    const given = Buffer.from(value, 'base64')
    return version === 'v1' && given.length === expected.length && timingSafeEqual(given, expected)
  })
}
