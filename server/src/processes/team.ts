import cluster, { type Worker } from 'node:cluster'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Logger } from 'pino'
import { seconds } from '../kernel/duration.ts'
import type { ReadyFacts } from '../ready.ts'
import { createExchange } from './exchange.ts'
import { createRestarts } from './restarts.ts'
import { send, type Task, type ToPrimary } from './wire.ts'

// Beside this file, with its ending: compiled too.
const CHILD_FILE = fileURLToPath(new URL(`child${extname(import.meta.url)}`, import.meta.url))

// Past a process's own limit of ten seconds for requests and as much for messages, at the same time.
const STOP_LIMIT = seconds(15)

interface TeamOptions {
  readonly task: Task
  readonly size: number
  readonly logger: Logger
  /** Called once, when all of them listen. */
  readonly onReady: (facts: ReadyFacts) => void
}

interface Child {
  readonly worker: Worker
  /** There once it listens. */
  facts?: ReadyFacts
  /** Why it says it ends. */
  why?: string
}

/** The processes that serve: so many, another in the place of each that ends, until they are told to stop. */
export class Team {
  readonly #options: TeamOptions
  readonly #children = new Set<Child>()
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
    cluster.setupPrimary({ exec: CHILD_FILE, args: [], serialization: 'advanced' })
    for (let count = 0; count < options.size; count++) this.#add()
  }

  /** Why there is no point in going on, in words: they cannot start. Resolves only then. */
  get failed(): Promise<string> {
    return this.#failed.promise
  }

  /** Lets all of them finish what they have in hand; whether each ended by itself and well. */
  async stop(): Promise<boolean> {
    this.#isStopping = true
    for (const { worker } of this.#children) send(worker, { kind: 'stop' })
    const late = setTimeout(() => {
      this.#options.logger.error('a process does not end by itself: it is ended')
      this.kill()
    }, STOP_LIMIT)
    if (this.#children.size > 0) await this.#ended.promise
    clearTimeout(late)
    return this.#isWell
  }

  /** Ends all of them at once. */
  kill(): void {
    for (const { worker } of this.#children) worker.process.kill('SIGKILL')
  }

  #add(): void {
    const worker = cluster.fork()
    const child: Child = { worker }
    this.#children.add(child)
    // What is sent to one that just died comes back as an error; that it died is told by its end.
    worker.on('error', () => {})
    worker.on('message', (message: ToPrimary) => this.#hear(child, message))
    worker.once('exit', (code, signal) => this.#bury(child, { code, signal }))
    send(worker, { kind: 'serve', task: this.#options.task })
  }

  #hear(child: Child, message: ToPrimary): void {
    if (message.kind === 'listening') this.#welcome(child, message.facts)
    else if (message.kind === 'failed') child.why = message.why
    else this.#exchange.hear(child.worker, message)
  }

  #welcome(child: Child, facts: ReadyFacts): void {
    const { size, logger, onReady } = this.#options
    child.facts = facts
    this.#exchange.join(child.worker)
    this.#restarts.served()
    if (this.#isReady) logger.info({ process: child.worker.process.pid }, 'another process serves')
    else if ([...this.#children].filter(({ facts }) => facts).length === size) {
      this.#isReady = true
      onReady(facts)
    }
  }

  #bury(child: Child, end: End): void {
    this.#children.delete(child)
    this.#exchange.leave(child.worker)
    if (this.#isStopping) {
      this.#isWell &&= end.code === 0
      if (this.#children.size === 0) this.#ended.resolve()
    } else if (this.#isHopeless(child)) this.#failed.resolve(child.why ?? endedEarly(end))
    else this.#replace(child, end)
  }

  /** At the first start a reason in words is final, as it is for one process; a server that ran is kept up longer. */
  #isHopeless({ facts, why }: Child): boolean {
    if (facts) return false
    return (why !== undefined && !this.#isReady) || this.#restarts.isHopeless()
  }

  #replace({ worker, why }: Child, { code, signal }: End): void {
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
