import type { ComposeOptions } from '../compose.ts'
import type { Config } from '../config.ts'
import { passwordRoutes } from '../features/account/password-routes.ts'
import { administrationRoutes } from '../features/account/administration-routes.ts'
import { accountRoutes } from '../features/account/routes.ts'
import { undoRoute } from '../features/account/undo-routes.ts'
import { auditRoutes } from '../features/audit/routes.ts'
import { watchOperations } from '../features/docs/operations.ts'
import { docsRoutes } from '../features/docs/routes.ts'
import { factorRoutes } from '../features/factors/routes.ts'
import { passkeyRoutes } from '../features/factors/passkey-routes.ts'
import { installIdempotency } from '../features/idempotency/once.ts'
import { type HealthDeps, healthRoutes } from '../features/health/routes.ts'
import { inboxRoutes } from '../features/inbox/routes.ts'
import { passkeyEndpointsRoute } from '../features/passkeys/routes.ts'
import { pageRoutes } from '../features/pages/routes.ts'
import { sessionRoutes } from '../features/sessions/routes.ts'
import { authenticate } from '../features/sessions/service.ts'
import { codeRoutes } from '../features/signin/code-routes.ts'
import { codeSignInRoutes } from '../features/signin/code-sign-in-routes.ts'
import { passkeySignInRoutes } from '../features/signin/passkey-routes.ts'
import { reauthenticationRoutes } from '../features/signin/reauthentication-routes.ts'
import { secondStepRoutes } from '../features/signin/second-step-routes.ts'
import { tokenRoutes } from '../features/signin/token-routes.ts'
import { jwksRoutes } from '../features/tokens/routes.ts'
import { userListRoutes } from '../features/users/routes.ts'
import { type Authentication, installGuard } from '../http/guard.ts'
import type { App } from '../http/server.ts'
import { equalInConstantTime } from '../kernel/secret.ts'
import type { Metrics } from './metrics/open.ts'
import { metricsPage } from './metrics/page.ts'
import type { Parts } from './parts.ts'

/** Every route of the API, the guard before them all. */
export function addRoutes(
  app: App,
  { config, clock, random, siblings }: ComposeOptions,
  parts: Parts,
  { isStopping, metrics }: { readonly isStopping: () => boolean; readonly metrics?: Metrics | undefined },
): void {
  const { db, secret, urls, gateways, sessions, passwords, throttle } = parts
  const operations = watchOperations(app)
  installIdempotency(app, { db, secret, random, clock })
  installGuard(
    app,
    (token, now) => identify(parts, token, now),
    throttle,
    () => clock.now(),
  )
  const addressCodes = addressCodesOf(config, parts)
  const region = config.defaultRegion
  const { failedSignIns } = config
  userListRoutes(app, { db, urls, secret, random })
  accountRoutes(app, { ...addressCodes, passwords, urls, region, clock, throttle })
  undoRoute(app, { ...addressCodes, clock })
  const { destinations, passwordMail, proofOfWork } = parts
  const { resendAfter } = config.codes
  const { logsOutcomes } = addressCodes
  passwordRoutes(app, {
    ...passwordMail,
    logsOutcomes,
    db,
    passwords,
    destinations,
    proofOfWork,
    resendAfter,
    failedSignIns,
    clock,
  })
  const rules = config.signIn
  administrationRoutes(app, { ...addressCodes, ...passwordMail, rules, urls, clock })
  tokenRoutes(app, { db, secret, random, passwords, sessions, rules, failedSignIns, clock, throttle })
  const { totp, recoveryCodes } = parts
  const secondStep = { ...addressCodes, secret, random, sessions, rules, totp, recoveryCodes, clock }
  sessionRoutes(app, { db, audit: parts.audit, clock })
  codeRoutes(app, secondStep)
  secondStepRoutes(app, secondStep)
  if (rules.byCode) codeSignInRoutes(app, { ...addressCodes, secret, random, rules, sessions, region, clock })
  const { messages } = sessions
  factorRoutes(app, { ...parts, messages, defaultLanguage: config.defaultLanguage, rules, clock })
  const { passkeys } = parts
  passkeyRoutes(app, { db, passkeys, rules, clock })
  passkeySignInRoutes(app, { db, passkeys, rules, secret, random, sessions, clock })
  passkeyEndpointsRoute(app, passkeys)
  reauthenticationRoutes(app, { ...secondStep, passwords, passkeys, failedSignIns })
  auditRoutes(app, { db, urls })
  jwksRoutes(app, parts.tokens)
  if (gateways.inbox) inboxRoutes(app, { inbox: gateways.inbox, rules: config.server })
  const page = metrics && metricsPage(metrics, config.server.metricsToken, siblings)
  healthRoutes(app, { ...healthOf(parts, isStopping), metrics: page })
  pageRoutes(app, config)
  docsRoutes(app, { operations, publicUrl: config.server.publicUrl, random })
}

/** What sends and proves codes to addresses takes. */
const addressCodesOf = (config: Config, { gateways, ...parts }: Parts) => ({
  db: parts.db,
  codes: parts.codes,
  destinations: parts.destinations,
  proofOfWork: parts.proofOfWork,
  mailboxes: config,
  isNeutral: config.registration === 'neutral',
  logsOutcomes: !config.production,
  audit: parts.audit,
  defaultLanguage: config.defaultLanguage,
  ownUrl: parts.ownUrl,
  factorRules: config.signIn,
  isAvailable: (channel: 'email' | 'phone') => (channel === 'email' ? gateways.email : gateways.sms) !== undefined,
})

const healthOf = (
  { db, worker, gateways, smsAlarm, limiter }: Parts,
  isStopping: () => boolean,
): Omit<HealthDeps, 'metrics'> => ({
  db,
  gateways: () => worker.health(),
  circuits: () => gateways.sms?.circuits?.() ?? [],
  smsBudget: () => smsAlarm.usedUp(),
  counting: () => limiter.counting(),
  isStopping,
  isSame: (a, b) => equalInConstantTime(Buffer.from(a), Buffer.from(b)),
})

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
        authenticatedAt: claims.authenticatedAt,
      }
      return { kind: 'caller', caller }
    }
    case 'candidate': {
      const { user, userId, pendingId } = bearer
      return { kind: 'candidate', candidate: { userId, pendingId, language: user.language } }
    }
    case 'bad_token':
      return { kind: 'bad_token', message: `refusal.token_not_valid.${bearer.fault}` }
    case 'user_not_found':
    case 'user_inactive':
      return bearer
  }
}
