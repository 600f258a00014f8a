import { availableParallelism } from 'node:os'
import type { FastifyBaseLogger } from 'fastify'
import { type Foundation, type FoundationOptions, openFoundation } from './compose/foundation.ts'
import { createGateways, type Gateways } from './compose/gateways.ts'
import { startHousekeeping } from './compose/housekeeping.ts'
import type { Config } from './config.ts'
import { accountRoutes } from './features/account/routes.ts'
import { watchOperations } from './features/docs/operations.ts'
import { docsRoutes } from './features/docs/routes.ts'
import { healthRoutes } from './features/health/routes.ts'
import { inboxRoutes } from './features/inbox/routes.ts'
import { createMessages } from './features/messages/service.ts'
import { createWorker, type Worker } from './features/messages/worker.ts'
import { type CodeDeps, createDestinationLimits } from './features/otp/service.ts'
import { hashesAtOnce } from './features/passwords/hasher.ts'
import { createPasswords, type Passwords } from './features/passwords/service.ts'
import { authenticate, type SessionDeps } from './features/sessions/service.ts'
import { codeRoutes } from './features/signin/code-routes.ts'
import { tokenRoutes } from './features/signin/token-routes.ts'
import { followKeys, type Keyring } from './features/tokens/keyring.ts'
import { jwksRoutes } from './features/tokens/routes.ts'
import { createTokens } from './features/tokens/service.ts'
import { userListRoutes } from './features/users/routes.ts'
import { hasActiveAdmin } from './features/users/service.ts'
import type { BaseUrlRules } from './http/base-url.ts'
import { type Authentication, installGuard } from './http/guard.ts'
import { type App, createServer } from './http/server.ts'
import { createThrottle } from './http/throttle.ts'
import { equalInConstantTime } from './kernel/secret.ts'
import { createMemoryLimiter } from './ports/limiter/memory.ts'

export interface ComposeOptions extends FoundationOptions {
  readonly logger: FastifyBaseLogger
  /** In place of what the settings name: for tests. */
  readonly gateways?: Gateways
  /** How many threads libuv has; hashes take all but two. */
  readonly threadPoolSize: number
}

export interface Latchkey {
  readonly app: App
  readonly foundation: Foundation
  readonly worker: Worker
  readonly gateways: Gateways
  readonly passwords: Passwords
  /** What links begin with while PUBLIC_URL is not set; right once the app listens. */
  readonly localUrl: () => string
  readonly hasActiveAdmin: () => Promise<boolean>
  /** Begins to send messages and to clear away what is over. */
  start(): void
  /** From now on `/readyz` says that no new work is wanted. */
  announceStop(): void
  /** Takes everything down in reverse: requests finish, messages in hand are sent, the rest stays stored. */
  close(): Promise<void>
}

/** Builds the whole server; nothing listens yet. Throws what `openFoundation` throws. */
export async function compose(options: ComposeOptions): Promise<Latchkey> {
  const { config, clock, random, logger } = options
  const foundation = await openFoundation(options)
  const gateways = options.gateways ?? createGateways(config, clock)
  const keyring = followKeys(foundation.vault, foundation.keys, (err) =>
    logger.error({ err }, 'changed signing keys cannot be read'),
  )
  const urls: BaseUrlRules = { ...config.server, localUrl: () => `http://localhost:${portOf(app, config)}` }
  const parts = createParts(options, { foundation, gateways, keyring, urls })
  const { app, completeMethods } = await createServer({
    logger,
    random,
    urls,
    defaultLanguage: config.defaultLanguage,
    trustedProxies: config.server.trustedProxies,
    corsOrigins: config.server.corsOrigins,
    https: config.server.publicUrl?.startsWith('https:') ?? false,
  })
  const life = { isStopping: false, stopHousekeeping: () => {} }
  closeWhenStopping(app, () => life.isStopping)
  addRoutes(app, options, parts, () => life.isStopping)
  completeMethods()
  await app.ready()
  return {
    app,
    foundation,
    gateways,
    worker: parts.worker,
    passwords: parts.passwords,
    localUrl: urls.localUrl,
    hasActiveAdmin: () => hasActiveAdmin(foundation.db),
    start() {
      parts.worker.start()
      life.stopHousekeeping = startHousekeeping(foundation.db, clock, logger)
    },
    announceStop() {
      life.isStopping = true
    },
    async close() {
      life.isStopping = true
      // At the same time, so that a slow request and a slow gateway together take no longer than one of them.
      await Promise.all([app.close(), parts.worker.stop()])
      life.stopHousekeeping()
      await Promise.all([gateways.email?.close(), gateways.sms?.close()])
      keyring.close()
      await foundation.close()
    },
  }
}

function portOf(app: App, config: Config): number {
  const address = app.server.address()
  return address !== null && typeof address === 'object' ? address.port : config.server.port
}

interface Bases {
  readonly foundation: Foundation
  readonly gateways: Gateways
  readonly keyring: Keyring
  readonly urls: BaseUrlRules
}

type Parts = ReturnType<typeof createParts>

/** The features' own machinery, each given what it asks for. */
function createParts({ config, clock, random, logger, threadPoolSize }: ComposeOptions, bases: Bases) {
  const { foundation, gateways, keyring, urls } = bases
  const { db, secret } = foundation
  const ownUrl = () => config.server.publicUrl ?? urls.localUrl()
  const worker = createWorker({ db, gateways, clock, random, secret, log: logger })
  const sender = { ...config, host: new URL(config.server.publicUrl ?? 'http://localhost').hostname }
  const messages = createMessages({ secret, random, sender, wake: () => worker.wake() })
  const issuer = () => config.tokens.issuer ?? ownUrl()
  const tokens = createTokens({ settings: config.tokens, issuer, secret, keyring, clock, random })
  const limiter = createMemoryLimiter()
  const sessions: SessionDeps = {
    tokens,
    random,
    rules: config.tokens,
    messages,
    defaultLanguage: config.defaultLanguage,
  }
  const passwords = createPasswords({
    config,
    random,
    hashesAtOnce: hashesAtOnce({ cores: availableParallelism(), processes: 1, threadPoolSize }),
  })
  const throttle = createThrottle(limiter, config.throttles)
  return { db, secret, urls, gateways, worker, tokens, sessions, passwords, throttle, ...codeParts() }

  function codeParts() {
    const { production, throttles } = config
    const lockAfter = production || throttles.otpVerify ? LOCK_AFTER : undefined
    const codes: CodeDeps = { secret, random, messages, rules: { ...config.codes, lockAfter } }
    const destinations = createDestinationLimits(limiter, production || throttles.otpSend !== undefined)
    return { codes, destinations }
  }
}

/** Wrong codes in a row that lock a channel for a purpose (NIST SP 800-63B-4 §3.2.2). */
const LOCK_AFTER = 100

/** A client that keeps its connection would hold the end of the process back (RFC 9112 §9.6). */
function closeWhenStopping(app: App, isStopping: () => boolean): void {
  app.addHook('onSend', async (_, reply) => {
    if (isStopping()) void reply.header('connection', 'close')
  })
}

/** Every route of the API, the guard before them all. */
function addRoutes(app: App, { config, clock, random }: ComposeOptions, parts: Parts, isStopping: () => boolean): void {
  const { db, secret, urls, gateways, sessions, passwords, throttle } = parts
  const operations = watchOperations(app)
  installGuard(
    app,
    (token, now) => identify(parts, token, now),
    throttle,
    () => clock.now(),
  )
  const addressCodes = {
    db,
    codes: parts.codes,
    destinations: parts.destinations,
    mailboxes: config,
    isAvailable: (channel: 'email' | 'phone') => (channel === 'email' ? gateways.email : gateways.sms) !== undefined,
  }
  const region = config.defaultRegion
  const countFailures = config.production || config.throttles.login !== undefined
  userListRoutes(app, { db, urls })
  accountRoutes(app, { ...addressCodes, passwords, urls, region, clock, throttle })
  tokenRoutes(app, { db, secret, random, passwords, sessions, countFailures, clock, throttle })
  codeRoutes(app, { ...addressCodes, clock })
  jwksRoutes(app, parts.tokens)
  if (gateways.inbox) inboxRoutes(app, { inbox: gateways.inbox, rules: config.server })
  healthRoutes(app, {
    db,
    gateways: () => parts.worker.health(),
    isStopping,
    hashing: passwords.load,
    metricsToken: config.server.metricsToken,
    isSame: (a, b) => equalInConstantTime(Buffer.from(a), Buffer.from(b)),
  })
  docsRoutes(app, { operations, publicUrl: config.server.publicUrl, random })
}

/** What the guard asks: whom a token speaks for, in its words. */
async function identify({ db, sessions }: Parts, token: string, now: Date): Promise<Authentication> {
  const bearer = await authenticate(db, sessions, token, now)
  switch (bearer.kind) {
    case 'live': {
      const { user, claims } = bearer
      const caller = {
        userId: claims.userId,
        sessionId: claims.sessionId,
        isAdmin: user.adminSince !== null,
        language: user.language,
      }
      return { kind: 'caller', caller }
    }
    case 'bad_token':
      return { kind: 'bad_token', message: `refusal.token_not_valid.${bearer.fault}` }
    case 'user_not_found':
    case 'user_inactive':
      return bearer
  }
}
