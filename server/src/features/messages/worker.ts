import type { Logger } from 'pino'
import type { Database } from '../../database/schema.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { SendOutcome } from '../../kernel/delivery.ts'
import { after, before, days, hours, seconds } from '../../kernel/duration.ts'
import type { Random } from '../../kernel/random.ts'
import type { Secret } from '../../kernel/secret.ts'
import type { MailGateway } from '../../ports/mail/port.ts'
import type { SmsGateway } from '../../ports/sms/port.ts'
import { createAlarm, type Alarm, type ChannelHealth } from './alarm.ts'
import { unsealContent } from './content.ts'
import { createLane, type Lane } from './lane.ts'
import { buryHopeless, claimDue, deleteFinishedBefore, hasDue, settle, type Channel, type Claim } from './outbox.ts'
import { mailPost, smsPost, type Post } from './post.ts'
import { settlementOf } from './settlement.ts'
import { within } from './within.ts'

// Other processes put messages in the outbox too; the contract promises the first try within a second.
const POLL_EVERY = seconds(1)
const AT_ONCE = 4
// Past it we no longer know whether the gateway took the message. Gateways give up sooner by themselves.
const SEND_LIMIT = seconds(50)
// Longer than a send may take, so that a message in a living worker's hand is never taken by another.
const LEASE = seconds(60)
const STOP_LIMIT = seconds(10)
const CLEAN_EVERY = hours(1)
// Long enough to answer "did my code ever leave?"; the text is gone long before.
const KEEP_FINISHED = days(30)

export interface Worker {
  /** Looks for due messages now and each second from now on. */
  start(): void
  /** Finishes what is in hand, for ten seconds at most; the rest stays queued. */
  stop(): Promise<void>
  /** Looks at once, if started. */
  wake(): void
  /** Sends what is due now, by the clock; resolves when all of it is settled. Rejects when the database does. */
  deliverDue(): Promise<void>
  /** What the gateways last complained of to the operator; an entry for each channel that has a gateway. */
  health(): Readonly<Partial<Record<Channel, ChannelHealth>>>
}

interface WorkerDeps {
  readonly db: Database
  readonly gateways: { readonly email?: MailGateway; readonly sms?: SmsGateway }
  readonly clock: Clock
  readonly random: Random
  readonly secret: Secret
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>
}

export function createWorker(deps: WorkerDeps): Worker {
  const { db, gateways, clock, log } = deps
  const posts = [
    ...(gateways.email ? [mailPost(gateways.email)] : []),
    ...(gateways.sms ? [smsPost(gateways.sms)] : []),
  ]
  const routes = posts.map((post) => createRoute(deps, post))
  let timer: NodeJS.Timeout | undefined
  let looking = false
  let cleanAfter = clock.now()

  const runAll = (): Promise<unknown> => Promise.all(routes.map(({ lane }) => lane.run()))
  const runAllAside = (): void => {
    runAll().catch((error: unknown) => log.error({ err: error }, 'the outbox could not be worked on'))
  }

  async function bury(now: Date): Promise<void> {
    for (const { id, template, reason } of await buryHopeless(db, now)) {
      log.warn({ delivery: id, template, reason }, 'a message was given up')
    }
  }

  async function clean(now: Date): Promise<void> {
    if (now < cleanAfter) return
    cleanAfter = after(now, CLEAN_EVERY)
    await deleteFinishedBefore(db, before(now, KEEP_FINISHED))
  }

  async function look(): Promise<void> {
    const now = clock.now()
    await clean(now)
    if (!(await hasDue(db, now))) return
    await bury(now)
    runAllAside()
  }

  /** One look at a time: with a hanging database they would pile up. */
  function poll(): void {
    if (looking) return
    looking = true
    look()
      .catch((error: unknown) => log.error({ err: error }, 'the outbox could not be read'))
      .finally(() => {
        looking = false
      })
  }

  return {
    start() {
      timer ??= setInterval(poll, POLL_EVERY)
      poll()
    },
    async stop() {
      clearInterval(timer)
      timer = undefined
      await within(STOP_LIMIT, Promise.all(routes.map(({ lane }) => lane.drain())))
    },
    wake() {
      if (timer) runAllAside()
    },
    async deliverDue() {
      await bury(clock.now())
      await runAll()
    },
    health: () => Object.fromEntries(routes.map(({ channel, alarm }) => [channel, alarm.health()])),
  }
}

interface Route {
  readonly channel: Channel
  readonly alarm: Alarm
  readonly lane: Lane
}

function createRoute(deps: WorkerDeps, post: Post): Route {
  const { db, clock, log } = deps
  const { channel, gateway } = post
  const alarm = createAlarm(gateway, log)
  const take = (limit: number): Promise<Claim[]> => {
    const now = clock.now()
    return claimDue(db, { channel, gateway, limit, leasedUntil: after(now, LEASE) }, now)
  }
  return { channel, alarm, lane: createLane(AT_ONCE, take, (claim) => deliver(deps, post, alarm, claim)) }
}

/** Never rejects: what cannot be recorded is left to the lease's end. */
async function deliver(deps: WorkerDeps, post: Post, alarm: Alarm, claim: Claim): Promise<void> {
  const { db, clock, random, log } = deps
  try {
    const outcome = await attempt(deps, post, claim)
    const now = clock.now()
    if (outcome.kind === 'sent') alarm.clear()
    if (outcome.kind === 'operator_fault') alarm.raise(outcome.reason, now)
    const settlement = settlementOf(outcome, claim, now, random)
    await settle(db, claim, settlement, now)
    const { id: delivery, template, attempts } = claim
    log.info(
      { delivery, template, attempts, gateway: post.gateway, outcome: outcome.kind },
      `message ${settlement.status}`,
    )
  } catch (error) {
    log.error({ err: error, delivery: claim.id }, 'what became of a message could not be recorded')
  }
}

async function attempt({ secret, log }: WorkerDeps, post: Post, claim: Claim): Promise<SendOutcome> {
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
