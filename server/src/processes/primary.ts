import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Logger } from 'pino'
import { openFoundation } from '../compose/foundation.ts'
import type { Config, Reading } from '../config.ts'
import { systemClock } from '../kernel/clock.ts'
import { systemRandom } from '../kernel/random.ts'
import { type ReadyFacts, readyText } from '../ready.ts'
import { createLogger, endOnNextSignal, endProcess, stopSignal } from '../run-until-stopped.ts'
import type { ServeOptions } from '../serve.ts'
import { Team } from './team.ts'

/**
 * Serves one port by several processes, and answers no request itself: it opens the database once, so that they find it
 * made and migrated, starts them, puts another in the place of one that ends, and stops them when it is told to stop.
 * Throws what keeps the database from being opened.
 */
export async function serveByMany(reading: Reading, options: ServeOptions, processes: number): Promise<void> {
  const { config } = reading
  const { threadPoolSize, isTerminal, withoutWorker = false } = options
  const logger = createLogger(config.server.logLevel)
  const stopped = stopSignal()
  await prepare(config, logger)
  const server = { ...config.server, port: await portFor(config.server) }
  const task = { reading: { ...reading, config: { ...config, server } }, threadPoolSize, withoutWorker }
  const onReady = (facts: ReadyFacts) => void process.stdout.write(readyText({ ...facts, processes }, isTerminal))
  const team = new Team({ task, size: processes, logger, onReady })
  const failure = await Promise.race([team.failed, stopped.then((signal) => tellStop(logger, signal))])
  endOnNextSignal(() => team.kill())
  const isWell = await team.stop()
  if (failure !== undefined) process.stderr.write(`${failure}\n`)
  logger.info('stopped')
  process.exitCode = isWell && failure === undefined ? 0 : 1
  endProcess()
}

function tellStop(logger: Logger, signal: NodeJS.Signals): undefined {
  logger.info({ signal }, 'stopping every process')
}

/** What a first start makes and a new release migrates is there before any of them looks. */
async function prepare(config: Config, logger: Logger): Promise<void> {
  const onStep = (step: object): void => logger.info(step, 'database')
  const foundation = await openFoundation({ config, clock: systemClock, random: systemRandom, onStep })
  await foundation.close()
}

/** Any free port is one and the same for all of them, those that come later too. */
async function portFor({ host, port }: Config['server']): Promise<number> {
  if (port !== 0) return port
  const probe = createServer().listen({ host, port })
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  return address !== null && typeof address === 'object' ? address.port : port
}
