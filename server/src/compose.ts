import type { FastifyBaseLogger } from 'fastify'
import { dataFiles, type Foundation, type FoundationOptions, openFoundation } from './compose/foundation.ts'
import { createGateways, type Gateways } from './compose/gateways.ts'
import { createLimiter } from './compose/limiter.ts'
import { type Metrics, openMetrics } from './compose/metrics/open.ts'
import type { Sources } from './compose/metrics/sources.ts'
import { createParts, type Parts } from './compose/parts.ts'
import { addRoutes } from './compose/routes.ts'
import { startUpkeep } from './compose/upkeep.ts'
import type { Siblings } from './compose/siblings.ts'
import type { Config } from './config.ts'
import type { Worker } from './features/messages/worker.ts'
import { openBreached, type Passwords } from './features/passwords/service.ts'
import { followKeys, type Keyring } from './features/tokens/keyring.ts'
import { signingKeyAt } from './features/tokens/keys.ts'
import { hasActiveAdmin } from './features/users/service.ts'
import type { BaseUrlRules } from './http/base-url.ts'
import { type App, createServer, type ServerOptions } from './http/server.ts'
import type { Clock } from './kernel/clock.ts'

export interface ComposeOptions extends FoundationOptions {
  readonly logger: FastifyBaseLogger
  /** In place of what the settings name: for tests. */
  readonly gateways?: Gateways
  /** How many threads libuv has; hashes take all but two. */
  readonly threadPoolSize: number
  /** Queued messages are left to workers elsewhere. */
  readonly withoutWorker?: boolean | undefined
  /** Undefined: this process serves alone. */
  readonly siblings?: Siblings | undefined
}

export interface Latchkey {
  readonly app: App
  readonly foundation: Foundation
  readonly worker: Worker
  readonly gateways: Gateways
  readonly passwords: Passwords
  /** Undefined where nobody may ask for them. */
  readonly metrics: Metrics | undefined
  /** What links begin with while PUBLIC_URL is not set; right once the app listens. */
  readonly localUrl: () => string
  readonly hasActiveAdmin: () => Promise<boolean>
  /** Begins to send messages, to chain what is put on record, and to clear away what is over. */
  start(): void
  /** From now on `/readyz` says that no new work is wanted. */
  announceStop(): void
  /** Takes everything down in reverse: requests finish, messages in hand are sent, the rest stays stored. */
  close(): Promise<void>
}

/** Builds the whole server; nothing listens yet. Throws what `openBreached` and `openFoundation` throw. */
export async function compose(options: ComposeOptions): Promise<Latchkey> {
  const { config, clock, logger } = options
  const breached = options.inMemory ? undefined : await openBreached(dataFiles(config.server.dataDir).breached)
  const foundation = await openFoundation(options)
  const gateways = options.gateways ?? createGateways(config, clock, logger, options.siblings?.inbox)
  const keyring = followKeys(foundation.vault, foundation.keys, (err) =>
    logger.error({ err }, 'changed signing keys cannot be read'),
  )
  const urls: BaseUrlRules = { ...config.server, localUrl: () => `http://localhost:${portOf(app, config)}` }
  const limiter = await createLimiter(config, { ...foundation, clock, logger })
  const metrics = config.server.metricsToken === undefined ? undefined : await openMetrics(clock)
  const parts = createParts(options, { foundation, gateways, keyring, urls, breached, limiter, count: metrics?.count })
  const { app, completeMethods } = await createServer({ ...serverOptions(options, urls), onRefusal: metrics?.refused })
  const life = { isStopping: false, stopUpkeep: async () => {} }
  closeWhenStopping(app, () => life.isStopping)
  metrics?.measure(app)
  metrics?.watch(sourcesOf(foundation, parts, keyring, clock))
  addRoutes(app, options, parts, { isStopping: () => life.isStopping, metrics })
  completeMethods()
  await app.ready()
  return {
    app,
    foundation,
    gateways,
    worker: parts.worker,
    passwords: parts.passwords,
    metrics,
    localUrl: urls.localUrl,
    hasActiveAdmin: () => hasActiveAdmin(foundation.db),
    start() {
      if (!options.withoutWorker) parts.worker.start()
      life.stopUpkeep = startUpkeep(foundation, options, metrics?.count)
    },
    announceStop() {
      life.isStopping = true
    },
    async close() {
      life.isStopping = true
      // At the same time, so that a slow request and a slow gateway together take no longer than one of them.
      await Promise.all([app.close(), parts.worker.stop()])
      await life.stopUpkeep()
      await Promise.all([gateways.email?.close(), gateways.sms?.close()])
      keyring.close()
      limiter.close()
      await breached?.close()
      await foundation.close()
    },
  }
}

const serverOptions = ({ config, logger, random, tracing }: ComposeOptions, urls: BaseUrlRules): ServerOptions => ({
  logger,
  tracing,
  random,
  urls,
  defaultLanguage: config.defaultLanguage,
  trustedProxies: config.server.trustedProxies,
  corsOrigins: config.server.corsOrigins,
  https: config.server.publicUrl?.startsWith('https:') ?? false,
})

const sourcesOf = (
  { db, stats }: Foundation,
  { passwords, gateways, worker }: Parts,
  keyring: Keyring,
  clock: Clock,
): Sources => ({
  db,
  clock,
  hashing: () => ({ ...passwords.load(), ...passwords.totals() }),
  pool: stats,
  gateways: worker.health,
  circuits: () => gateways.sms?.circuits?.() ?? [],
  signingSince: () => signingKeyAt(keyring.keys(), clock.now()).signsFrom,
})

function portOf(app: App, config: Config): number {
  const address = app.server.address()
  return address !== null && typeof address === 'object' ? address.port : config.server.port
}

/** A client that keeps its connection would hold the end of the process back (RFC 9112 §9.6). */
function closeWhenStopping(app: App, isStopping: () => boolean): void {
  app.addHook('onSend', async (_, reply) => {
    if (isStopping()) void reply.header('connection', 'close')
  })
}
