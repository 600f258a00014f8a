import type { Logger } from 'pino'
import type { Database } from '../../database/schema.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Count } from '../../kernel/count.ts'
import type { SendOutcome } from '../../kernel/delivery.ts'
import { after, seconds } from '../../kernel/duration.ts'
import type { Random } from '../../kernel/random.ts'
import type { Secret } from '../../kernel/secret.ts'
import type { Attributes, Tracing } from '../../kernel/tracing.ts'
import { createAlarm, type Alarm } from './alarm.ts'
import { unsealContent } from './content.ts'
import { createLane, type Lane } from './lane.ts'
import { claimDue, settle, type Channel, type Claim, type Settlement } from './outbox.ts'
import type { Post } from './post.ts'
import { settlementOf } from './settlement.ts'
import { within } from './within.ts'

const AT_ONCE = 4
// Past it we no longer know whether the gateway took the message. Gateways give up sooner by themselves.
const SEND_LIMIT = seconds(50)
// Longer than a send may take, so that a message in a living worker's hand is never taken by another.
const LEASE = seconds(60)

export interface RouteDeps {
  readonly db: Database
  readonly clock: Clock
  readonly random: Random
  readonly secret: Secret
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>
  /** Undefined where nothing is counted. */
  readonly count?: Count | undefined
  /** Undefined where nobody follows messages. */
  readonly tracing?: Tracing | undefined
}

/** A channel at work: its queue, its gateway and what the gateway complains of. */
export interface Route {
  readonly channel: Channel
  readonly alarm: Alarm
  readonly lane: Lane
}

export function createRoute(deps: RouteDeps, post: Post): Route {
  const { db, clock, log } = deps
  const { channel, gateway } = post
  const alarm = createAlarm(gateway, log)
  const take = (limit: number): Promise<Claim[]> => {
    const now = clock.now()
    return claimDue(db, { channel, gateway, limit, leasedUntil: after(now, LEASE) }, now)
  }
  return {
    channel,
    alarm,
    lane: createLane(AT_ONCE, take, (claim) => traced(deps, post, claim, () => deliver(deps, post, alarm, claim))),
  }
}

/** A trace of its own: whichever request woke the worker, its span has nothing to do with this message. */
function traced({ tracing }: RouteDeps, { channel, gateway }: Post, claim: Claim, work: () => Promise<void>) {
  if (!tracing) return work()
  const { id, template, attempts } = claim
  const attributes = { delivery: id, template, attempts, gateway }
  return tracing.inSpan({ name: `send ${channel}`, kind: 'client', as: 'root', attributes: prefixed(attributes) }, work)
}

const prefixed = (attributes: Attributes): Attributes =>
  Object.fromEntries(Object.entries(attributes).map(([name, value]) => [`latchkey.${name}`, value]))

/** Never rejects: what cannot be recorded is left to the lease's end. */
async function deliver(deps: RouteDeps, post: Post, alarm: Alarm, claim: Claim): Promise<void> {
  const { db, clock, random, log, count } = deps
  try {
    const outcome = await attempt(deps, post, claim)
    const now = clock.now()
    const gateway = ('gateway' in outcome ? outcome.gateway : undefined) ?? post.gateway
    count?.('delivery', { channel: post.channel, gateway, outcome: outcome.kind })
    if (outcome.kind === 'sent') alarm.clear()
    if (outcome.kind === 'operator_fault') alarm.raise(outcome.reason, now)
    const settlement = settlementOf(outcome, claim, now, random)
    await settle(db, claim, settlement, now)
    tell(log, post, claim, outcome, settlement)
  } catch (error) {
    log.error({ err: error, delivery: claim.id }, 'what became of a message could not be recorded')
  }
}

/** Of several gateways, names the one that took it; of a message that was not taken, says why. */
function tell(log: RouteDeps['log'], post: Post, claim: Claim, outcome: SendOutcome, { status }: Settlement): void {
  const { id: delivery, template, attempts } = claim
  const details =
    outcome.kind === 'sent'
      ? { gateway: outcome.gateway ?? post.gateway, outcome: outcome.kind }
      : { gateway: post.gateway, outcome: outcome.kind, reason: outcome.reason }
  log[status === 'dead' ? 'warn' : 'info']({ delivery, template, attempts, ...details }, `message ${status}`)
}

async function attempt({ secret, log }: RouteDeps, post: Post, claim: Claim): Promise<SendOutcome> {
  const content = claim.sealed ? unsealContent(secret, claim.sealed, claim.id) : undefined
  if (!content) return { kind: 'message_refused', reason: 'unreadable: sealed under another key' }
  try {
    const outcome = await within(SEND_LIMIT, post.send(content, claim))
    return outcome ?? { kind: 'unknown', reason: 'the gateway did not answer in time' }
  } catch (error) {
    // Its name alone: a request's address or the recipient's may stand in the message.
    const name = error instanceof Error ? error.name : typeof error
    log.error({ error: name, gateway: post.gateway }, 'a gateway broke its promise never to throw')
    return { kind: 'unknown', reason: 'the gateway failed in the middle' }
  }
}
