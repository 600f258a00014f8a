import pino from 'pino'
import { createGateways } from '../src/compose/gateways.ts'
import { createParts, type Parts } from '../src/compose/parts.ts'
import { readConfig } from '../src/config.ts'
import { vaultOf } from '../src/compose/foundation.ts'
import type { Database } from '../src/database/schema.ts'
import { followKeys, loadOrCreateKeys } from '../src/features/tokens/keyring.ts'
import { systemRandom } from '../src/kernel/random.ts'
import { createSecret } from '../src/kernel/secret.ts'
import { createTurnedClock } from './turned-clock.ts'
import { UNLIMITED } from './unlimited.ts'

/** The features' own machinery on any database, without a server around it: for races at the level of services. */
export async function partsOn(db: Database): Promise<Parts> {
  const { config } = readConfig(UNLIMITED)
  const clock = createTurnedClock()
  const random = systemRandom
  const secret = createSecret(random.bytes(32))
  const vault = vaultOf({ config, random, inMemory: true }, secret)
  const keys = await loadOrCreateKeys(vault, { mayCreate: true }, clock.now())
  const urls = { ...config.server, localUrl: () => 'http://localhost:8000' }
  const foundation = { db, secret, vault, keys, close: async () => {} }
  const logger = pino({ level: 'silent' })
  const gateways = createGateways(config, clock, logger)
  const keyring = followKeys(vault, keys, () => {})
  return createParts({ config, clock, random, logger, threadPoolSize: 4 }, { foundation, gateways, keyring, urls })
}
