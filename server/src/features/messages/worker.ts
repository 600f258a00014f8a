import { takeLease } from '../../database/lease.ts'
import { uuidv7 } from '../../kernel/random.ts'
import type { MailGateway } from '../../ports/mail/port.ts'
import type { SmsGateway } from '../../ports/sms/port.ts'
import { after, before, days, hours, minutes, seconds } from '../../kernel/duration.ts'
import type { ChannelHealth } from './alarm.ts'
import { buryHopeless, deleteFinishedBefore, hasDue, type Channel } from './outbox.ts'
import { mailPost, smsPost } from './post.ts'
import { createRoute, type RouteDeps } from './route.ts'
import { within } from './within.ts'

// Other processes put messages in the outbox too; the contract promises the first try within a second.
const POLL_EVERY = seconds(1)
const STOP_LIMIT = seconds(10)
const CLEAN_EVERY = hours(1)
// One worker cleans for all, until it misses a turn.
const CLEANING_LEASE = minutes(90)
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

interface WorkerDeps extends RouteDeps {
  readonly gateways: { readonly email?: MailGateway; readonly sms?: SmsGateway }
}

/** Sends what lies in the outbox. Any number of workers, in any number of processes, may work on the same one. */
export function createWorker(deps: WorkerDeps): Worker {
  const { db, gateways, clock, log } = deps
  const posts = [
    ...(gateways.email ? [mailPost(gateways.email)] : []),
    ...(gateways.sms ? [smsPost(gateways.sms)] : []),
  ]
  const routes = posts.map((post) => createRoute(deps, post))
  const upkeep = createUpkeep(deps)
  let timer: NodeJS.Timeout | undefined

  const runAll = (): Promise<unknown> => Promise.all(routes.map(({ lane }) => lane.run()))
  const runAllAside = (): void => {
    runAll().catch((error: unknown) => log.error({ err: error }, 'the outbox could not be worked on'))
  }
  const poll = oneAtATime(async () => {
    const now = clock.now()
    await upkeep.clean(now)
    if (!(await hasDue(db, now))) return
    await upkeep.bury(now)
    runAllAside()
  }, log)

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
      await upkeep.bury(clock.now())
      await runAll()
    },
    health: () => Object.fromEntries(routes.map(({ channel, alarm }) => [channel, alarm.health()])),
  }
}

function createUpkeep({ db, clock, random, log, count }: RouteDeps) {
  const holder = uuidv7(random, clock.now())
  let cleanAfter = clock.now()
  return {
    async bury(now: Date): Promise<void> {
      for (const { id, channel, template, reason } of await buryHopeless(db, now)) {
        count?.('delivery', { channel, gateway: 'none', outcome: 'expired' })
        log.warn({ delivery: id, template, reason }, 'a message was given up')
      }
    },
    async clean(now: Date): Promise<void> {
      if (now < cleanAfter) return
      cleanAfter = after(now, CLEAN_EVERY)
      if (await takeLease(db, 'outbox-cleaning', holder, now, CLEANING_LEASE))
        await deleteFinishedBefore(db, before(now, KEEP_FINISHED))
    },
  }
}

/** With a hanging database, looks begun each second would pile up. */
function oneAtATime(look: () => Promise<void>, log: RouteDeps['log']): () => void {
  let looking = false
  return () => {
    if (looking) return
    looking = true
    look()
      .catch((error: unknown) => log.error({ err: error }, 'the outbox could not be read'))
      .finally(() => {
        looking = false
      })
  }
}
