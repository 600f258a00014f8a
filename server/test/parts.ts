import pino from 'pino'
import { onTestFinished } from 'vitest'
import type { ComposeOptions } from '../src/compose.ts'
import { createGateways } from '../src/compose/gateways.ts'
import { createLimiter } from '../src/compose/limiter.ts'
import { createParts, type Parts } from '../src/compose/parts.ts'
import { addRoutes } from '../src/compose/routes.ts'
import { readConfig } from '../src/config.ts'
import { vaultOf } from '../src/compose/foundation.ts'
import type { Database } from '../src/database/schema.ts'
import { followKeys, loadOrCreateKeys } from '../src/features/tokens/keyring.ts'
import { createServer } from '../src/http/server.ts'
import { type Random, systemRandom } from '../src/kernel/random.ts'
import { createSecret } from '../src/kernel/secret.ts'
import { createTurnedClock, type TurnedClock } from './turned-clock.ts'
import { UNLIMITED } from './unlimited.ts'

/** The features' own machinery on any database, without a server around it: for races at the level of services. */
export async function partsOn(db: Database): Promise<Parts> {
  return (await machineryOn(db)).parts
}

/** Parts, what they were made of, and how the time goes on. */
export interface Machinery {
  readonly parts: Parts
  readonly options: ComposeOptions & { readonly clock: TurnedClock }
}

async function machineryOn(
  db: Database,
  { settings = UNLIMITED, random = systemRandom, log = (_: string): void => {} } = {},
): Promise<Machinery> {
  const { config } = readConfig(settings)
  const clock = createTurnedClock()
  const secret = createSecret(random.bytes(32))
  const vault = vaultOf({ config, random, inMemory: true }, secret, db)
  const keys = await loadOrCreateKeys(vault, { mayCreate: true }, clock.now())
  const urls = { ...config.server, localUrl: () => 'http://localhost:8000' }
  const foundation = { db, secret, vault, keys, stats: () => undefined, close: async () => {} }
  const logger = pino({ level: 'error' }, { write: log })
  const gateways = createGateways(config, clock, logger)
  const keyring = followKeys(vault, keys, () => {})
  const limiter = await createLimiter(config, { db, secret, clock, logger })
  onTestFinished(() => limiter.close())
  const options = { config, clock, random, logger, threadPoolSize: 4 }
  return { options, parts: createParts(options, { foundation, gateways, keyring, urls, limiter }) }
}

/** Every route of the API on any database, asked without a network; closed when the test ends. */
export async function apiOn(
  db: Database,
  made: { settings: typeof UNLIMITED; random: Random; log: (line: string) => void },
) {
  const machinery = await machineryOn(db, made)
  const { parts, options } = machinery
  const { app } = await createServer({
    ...options,
    urls: parts.urls,
    defaultLanguage: 'en',
    trustedProxies: [],
    corsOrigins: [],
    https: false,
  })
  addRoutes(app, options, parts, { isStopping: () => false })
  onTestFinished(() => app.close())
  return { ...machinery, app }
}
