import type { Logger } from 'pino'
import { dataFiles } from './compose/foundation.ts'
import { compose, type Latchkey } from './compose.ts'
import type { Reading } from './config.ts'
import { systemClock } from './kernel/clock.ts'
import { seconds } from './kernel/duration.ts'
import { systemRandom } from './kernel/random.ts'
import { type ReadyFacts, readyText } from './ready.ts'
import { createLogger, stopSignal } from './run-until-stopped.ts'
import { VERSION } from './kernel/version.ts'

// What a request may still take once the server is told to stop.
const DRAIN_LIMIT = seconds(10)

const FIRST_ADMIN = 'npm run --silent latchkey -- create-admin --email you@example.com'

export interface ServeOptions {
  readonly threadPoolSize: number
  /** Whether a person reads the ready block, or a program its line of JSON. */
  readonly isTerminal: boolean
}

/** Brings the server up and runs it until it is told to stop. Throws what `compose` throws, and a failure to listen. */
export async function serve(reading: Reading, { threadPoolSize, isTerminal }: ServeOptions): Promise<void> {
  const { config } = reading
  const logger = createLogger(config.server.logLevel)
  const stopped = stopSignal()
  const latchkey = await compose({
    config,
    clock: systemClock,
    random: systemRandom,
    logger,
    threadPoolSize,
    onStep: (step) => logger.info(step, 'database'),
  })
  await listen(latchkey, config.server)
  latchkey.start()
  process.stdout.write(readyText(await readyFacts(latchkey, reading), isTerminal))
  logger.info({ signal: await stopped }, 'stopping: requests in hand finish, queued messages stay stored')
  await stop(latchkey, logger)
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
    databasePath: files.database,
    keysPath: files.keys,
    secretPath: secretKey === undefined ? files.secret : undefined,
    inboxFor: latchkey.gateways.inbox
      ? [...(mail ? [] : (['mails'] as const)), ...(sms ? [] : (['text messages'] as const))]
      : [],
    firstAdmin: (await latchkey.hasAdmin()) ? undefined : FIRST_ADMIN,
    warnings: reading.warnings,
    missingForProduction: reading.missingForProduction,
  }
}

async function stop(latchkey: Latchkey, logger: Logger): Promise<void> {
  latchkey.announceStop()
  const late = setTimeout(() => latchkey.app.server.closeAllConnections(), DRAIN_LIMIT).unref()
  await latchkey.close()
  clearTimeout(late)
  logger.info('stopped')
}
