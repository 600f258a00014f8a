import { existsSync, readFileSync } from 'node:fs'
import pino from 'pino'
import { compose, type Latchkey } from './compose.ts'
import { readConfig } from './config.ts'
import { systemClock } from './kernel/clock.ts'
import { seconds } from './kernel/duration.ts'
import { systemRandom } from './kernel/random.ts'

// What a request may still take once the server is told to stop.
const DRAIN_LIMIT = seconds(10)

/** Reads the settings, brings the server up and runs it until it is told to stop. Resolves to the exit code. */
export async function serve(): Promise<number> {
  const dotenv = existsSync('.env') ? readFileSync('.env', 'utf8') : ''
  const { config } = readConfig(process.env, dotenv)
  const logger = pino({ level: config.server.logLevel })
  const latchkey = await compose({ config, clock: systemClock, random: systemRandom, logger })
  await latchkey.app.listen({ host: config.server.host, port: config.server.port })
  latchkey.start()
  await stopSignal()
  return stop(latchkey)
}

function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, resolve)
  })
}

async function stop(latchkey: Latchkey): Promise<number> {
  latchkey.announceStop()
  const late = setTimeout(() => latchkey.app.server.closeAllConnections(), DRAIN_LIMIT).unref()
  await latchkey.close()
  clearTimeout(late)
  return 0
}
