import type { Socket } from 'node:net'
import type { Logger } from 'pino'
import { databaseName, dataFiles } from './compose/foundation.ts'
import { openTracing } from './compose/tracing.ts'
import { compose, type Latchkey } from './compose.ts'
import type { Siblings } from './compose/siblings.ts'
import type { Reading } from './config.ts'
import { systemClock } from './kernel/clock.ts'
import { milliseconds, seconds } from './kernel/duration.ts'
import { systemRandom } from './kernel/random.ts'
import { type ReadyFacts, readyText } from './ready.ts'
import { createLogger, endProcess, stopSignal } from './run-until-stopped.ts'
import { VERSION } from './kernel/version.ts'

// What a request may still take once the server is told to stop.
const DRAIN_LIMIT = seconds(10)

const CLOSE_IDLE_EVERY = milliseconds(50)

// A second: on a connection just made, or just answered on, the next request may be on its way, and a client would see it
// cut off. Whoever sends one meanwhile is answered, and told that this connection closes.
const LOOKS_FOR_A_REQUEST = 20

const FIRST_ADMIN = 'npm run --silent latchkey -- create-admin --email you@example.com'

export interface ServeOptions {
  readonly threadPoolSize: number
  /** Whether a person reads the ready block, or a program its line of JSON. */
  readonly isTerminal: boolean
  /** Queued messages are left to workers elsewhere. */
  readonly withoutWorker?: boolean
}

/** Brings the server up and runs it until it is told to stop. Throws what `compose` throws, and a failure to listen. */
export async function serve(reading: Reading, { isTerminal, ...options }: ServeOptions): Promise<void> {
  const onReady = (facts: ReadyFacts) => void process.stdout.write(readyText(facts, isTerminal))
  await run(reading, { ...options, stopped: stopSignal(), onReady })
}

export interface RunOptions extends Pick<ServeOptions, 'threadPoolSize' | 'withoutWorker'> {
  /** Resolves to what tells the server to stop. */
  readonly stopped: Promise<string>
  readonly onReady: (facts: ReadyFacts) => void
  readonly siblings?: Siblings
}

/** The life of one process that serves. Throws as `serve` does. */
export async function run(reading: Reading, options: RunOptions): Promise<void> {
  const { stopped, onReady, ...composed } = options
  const { config } = reading
  const tracing = await openTracing()
  const logger = createLogger(config.server.logLevel, { isAlone: options.siblings === undefined, tracing })
  const latchkey = await compose({
    config,
    clock: systemClock,
    random: systemRandom,
    logger,
    tracing,
    ...composed,
    onStep: (step) => logger.info(step, 'database'),
  })
  const closeIdle = idleCloser(latchkey.app)
  await listen(latchkey, config.server)
  latchkey.start()
  onReady(await readyFacts(latchkey, reading))
  logger.info({ signal: await stopped }, 'stopping: requests in hand finish, queued messages stay stored')
  await stop(latchkey, logger, closeIdle)
}

async function listen(latchkey: Latchkey, { host, port }: { host: string; port: number }): Promise<void> {
  try {
    await latchkey.app.listen({ host, port })
  } catch (error) {
    await latchkey.close()
    throw error
  }
}

async function readyFacts(latchkey: Latchkey, reading: Reading): Promise<ReadyFacts> {
  const { server, secretKey, mail, sms } = reading.config
  const files = dataFiles(server.dataDir)
  return {
    version: VERSION,
    url: server.publicUrl ?? latchkey.localUrl(),
    databasePath: databaseName(reading.config),
    keysPath: latchkey.foundation.vault.storage.place,
    secretPath: secretKey === undefined ? files.secret : undefined,
    inboxFor: latchkey.gateways.inbox
      ? [...(mail ? [] : (['mails'] as const)), ...(sms.length > 0 ? [] : (['text messages'] as const))]
      : [],
    firstAdmin: (await latchkey.hasActiveAdmin()) ? undefined : FIRST_ADMIN,
    warnings: reading.warnings,
    missingForProduction: reading.missingForProduction,
  }
}

async function stop(latchkey: Latchkey, logger: Logger, closeIdle: () => void): Promise<void> {
  latchkey.announceStop()
  const late = setTimeout(() => {
    logger.warn('ten seconds are over: requests that still run are cut off')
    latchkey.app.server.closeAllConnections()
  }, DRAIN_LIMIT).unref()
  const idle = setInterval(closeIdle, CLOSE_IDLE_EVERY)
  await latchkey.close()
  clearInterval(idle)
  clearTimeout(late)
  logger.info('stopped')
  endProcess()
}

/**
 * What closes the connections that wait for a request, once it was called for a second. Node does so once, at the moment the
 * server closes, and so cuts off requests on their way, and leaves open both a connection whose last answer is given later
 * and one on which no request ever began (browsers open some ahead of need).
 */
function idleCloser({ server }: Latchkey['app']): () => void {
  const sockets = new Map<Socket, number>()
  server.on('connection', (socket: Socket) => {
    sockets.set(socket, 0)
    socket.once('close', () => sockets.delete(socket))
  })
  const closeIdle = server.closeIdleConnections.bind(server)
  server.closeIdleConnections = () => {} // which is what Node calls when the server closes
  let turns = 0
  return () => {
    if (turns++ >= LOOKS_FOR_A_REQUEST) closeIdle()
    for (const [socket, looks] of sockets) {
      if (socket.bytesRead > 0) continue
      if (looks < LOOKS_FOR_A_REQUEST) sockets.set(socket, looks + 1)
      else socket.destroy()
    }
  }
}
