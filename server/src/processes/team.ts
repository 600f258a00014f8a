import cluster, { type Worker } from 'node:cluster'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Logger } from 'pino'
import { seconds } from '../kernel/duration.ts'
import type { ReadyFacts } from '../ready.ts'
import { createExchange } from './exchange.ts'
import { createRestarts } from './restarts.ts'
import type { Task, ToChild, ToPrimary } from './wire.ts'

// Beside this file, with its ending: compiled too.
const CHILD = fileURLToPath(new URL(`child${extname(import.meta.url)}`, import.meta.url))

// Past a process's own limit of ten seconds for requests and as much for messages, at the same time.
const STOP_LIMIT = seconds(15)

interface TeamOptions {
  readonly task: Task
  readonly size: number
  readonly logger: Logger
  /** Called once, when all of them listen. */
  readonly onReady: (facts: ReadyFacts) => void
}

interface Member {
  readonly worker: Worker
  /** There once it listens. */
  facts?: ReadyFacts
  /** Why it says it ends. */
  why?: string
}

/** The processes that serve: so many, another in the place of each that ends, until they are told to stop. */
export class Team {
  readonly #options: TeamOptions
  readonly #members = new Set<Member>()
  readonly #exchange = createExchange()
  readonly #restarts = createRestarts()
  readonly #failed = Promise.withResolvers<string>()
  readonly #ended = Promise.withResolvers<void>()
  #isReady = false
  #isStopping = false
  #isWell = true

  constructor(options: TeamOptions) {
    this.#options = options
    // Each takes connections off the port itself. Were they handed on by this process, one on its way to a process that ends
    // in that moment would be answered by nobody, and kept open by us.
    cluster.schedulingPolicy = cluster.SCHED_NONE
    cluster.setupPrimary({ exec: CHILD, args: [], serialization: 'advanced' })
    for (let count = 0; count < options.size; count++) this.#add()
  }

  /** Why there is no point in going on, in words: they cannot start. Resolves only then. */
  get failed(): Promise<string> {
    return this.#failed.promise
  }

  /** Lets all of them finish what they have in hand; whether each ended by itself and well. */
  async stop(): Promise<boolean> {
    this.#isStopping = true
    for (const { worker } of this.#members) send(worker, { kind: 'stop' })
    const late = setTimeout(() => {
      this.#options.logger.error('a process does not end by itself: it is ended')
      this.kill()
    }, STOP_LIMIT)
    if (this.#members.size > 0) await this.#ended.promise
    clearTimeout(late)
    return this.#isWell
  }

  /** Ends all of them at once. */
  kill(): void {
    for (const { worker } of this.#members) worker.process.kill('SIGKILL')
  }

  #add(): void {
    const worker = cluster.fork()
    const member: Member = { worker }
    this.#members.add(member)
    // What is sent to one that just died comes back as an error; that it died is told by its end.
    worker.on('error', () => {})
    worker.on('message', (message: ToPrimary) => this.#hear(member, message))
    worker.once('exit', (code, signal) => this.#bury(member, { code, signal }))
    send(worker, { kind: 'serve', task: this.#options.task })
  }

  #hear(member: Member, message: ToPrimary): void {
    if (message.kind === 'listening') this.#welcome(member, message.facts)
    else if (message.kind === 'failed') member.why = message.why
    else this.#exchange.hear(member.worker, message)
  }

  #welcome(member: Member, facts: ReadyFacts): void {
    const { size, logger, onReady } = this.#options
    member.facts = facts
    this.#exchange.join(member.worker)
    this.#restarts.served()
    if (this.#isReady) logger.info({ process: member.worker.process.pid }, 'another process serves')
    else if ([...this.#members].filter(({ facts }) => facts).length === size) {
      this.#isReady = true
      onReady(facts)
    }
  }

  #bury(member: Member, end: End): void {
    this.#members.delete(member)
    this.#exchange.leave(member.worker)
    if (this.#isStopping) {
      this.#isWell &&= end.code === 0
      if (this.#members.size === 0) this.#ended.resolve()
    } else if (this.#isHopeless(member)) this.#failed.resolve(member.why ?? endedEarly(end))
    else this.#replace(member, end)
  }

  /** At the first start a reason in words is final, as it is for one process; a server that ran is kept up longer. */
  #isHopeless({ facts, why }: Member): boolean {
    if (facts) return false
    return (why !== undefined && !this.#isReady) || this.#restarts.isHopeless()
  }

  #replace({ worker, why }: Member, { code, signal }: End): void {
    const pauseMilliseconds = this.#restarts.pause()
    const fields = { process: worker.process.pid, code, signal, why, pauseMilliseconds }
    this.#options.logger[code === 0 ? 'info' : 'error'](fields, 'a process ended; another takes its place')
    setTimeout(() => {
      if (!this.#isStopping) this.#add()
    }, pauseMilliseconds)
  }
}

interface End {
  readonly code: number | null
  readonly signal: string | null
}

const endedEarly = ({ code, signal }: End): string =>
  `The processes end before they serve, again and again; the last one by ${signal ?? `exit code ${code}`}.`

function send(worker: Worker, message: ToChild): void {
  if (worker.isConnected()) worker.send(message)
}
