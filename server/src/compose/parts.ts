import { availableParallelism } from 'node:os'
import type { ComposeOptions } from '../compose.ts'
import type { Database } from '../database/schema.ts'
import type { PasswordMailDeps } from '../features/account/service.ts'
import { type Audit, createAudit } from '../features/audit/service.ts'
import { createMessages, type Messages } from '../features/messages/service.ts'
import { createWorker } from '../features/messages/worker.ts'
import { type CodeDeps, createDestinationLimits } from '../features/otp/service.ts'
import type { PasskeyDeps } from '../features/passkeys/service.ts'
import { hashesAtOnce } from '../features/passwords/hasher.ts'
import { type BreachedPasswords, createPasswords } from '../features/passwords/service.ts'
import { conversionSignal, createProofOfWork, signalsOf } from '../features/proof-of-work/service.ts'
import type { RecoveryCodeDeps } from '../features/recovery-codes/service.ts'
import type { SessionDeps } from '../features/sessions/service.ts'
import type { Keyring } from '../features/tokens/keyring.ts'
import { createFirewallAlarm, isPoorlyProven } from '../features/sms-firewall/service.ts'
import { createTokens } from '../features/tokens/service.ts'
import type { TotpDeps } from '../features/totp/service.ts'
import type { BaseUrlRules } from '../http/base-url.ts'
import { createThrottle } from '../http/throttle.ts'
import type { Count } from '../kernel/count.ts'
import type { Secret } from '../kernel/secret.ts'
import { createDatabaseLimiter } from '../ports/limiter/database.ts'
import type { Limiter } from '../ports/limiter/port.ts'
import type { Foundation } from './foundation.ts'
import type { Gateways } from './gateways.ts'
import type { ServerLimiter } from './limiter.ts'
import { processCount } from './process-count.ts'
import { relyingPartyOf } from './relying-party.ts'
import { tracedPasswords } from './tracing.ts'

export interface Bases {
  readonly foundation: Foundation
  readonly gateways: Gateways
  readonly keyring: Keyring
  readonly urls: BaseUrlRules
  readonly breached?: BreachedPasswords | undefined
  readonly limiter: ServerLimiter
  /** Undefined where nothing is counted. */
  readonly count?: Count | undefined
}

export type Parts = ReturnType<typeof createParts>

/** The features' own machinery, each given what it asks for. */
export function createParts(options: ComposeOptions, bases: Bases) {
  const { config, clock, random, logger, threadPoolSize, tracing } = options
  const { foundation, gateways, keyring, urls, limiter, count } = bases
  const { db, secret } = foundation
  const ownUrl = () => config.server.publicUrl ?? urls.localUrl()
  const worker = createWorker({ db, gateways, clock, random, secret, log: logger, count, tracing })
  const sender = { ...config, host: new URL(config.server.publicUrl ?? 'http://localhost').hostname }
  const wake = () => (tracing ? tracing.outside(() => worker.wake()) : worker.wake())
  const limiterOn = (db: Database, now: Date) => createDatabaseLimiter(db, { now: () => now }, secret)
  const messages = createMessages({ secret, random, sender, wake, limiterOn })
  const issuer = () => config.tokens.issuer ?? ownUrl()
  const tokens = createTokens({ settings: config.tokens, issuer, secret, keyring, clock, random })
  const audit = createAudit({ random, count })
  const sessions: SessionDeps = {
    tokens,
    random,
    rules: config.tokens,
    messages,
    audit,
    defaultLanguage: config.defaultLanguage,
  }
  const hashing = createPasswords({
    config,
    random,
    hashesAtOnce: hashesAtOnce({ cores: availableParallelism(), processes: processCount(config), threadPoolSize }),
    breached: bases.breached,
  })
  const passwords = tracing ? tracedPasswords(hashing, tracing) : hashing
  const throttle = createThrottle(limiter, config.throttles)
  const proofs = proofParts(options, { secret, messages, audit, limiterOn, urls, ownUrl, count })
  const conversion = conversionSignal((phone, now) => isPoorlyProven(db, proofs.codes.firewall, phone, now))
  const signals = [...signalsOf(limiter), conversion]
  const proofOfWork = config.proofOfWork ? createProofOfWork({ db, secret, random, signals, count }) : undefined
  return {
    db,
    secret,
    urls,
    gateways,
    worker,
    tokens,
    sessions,
    passwords,
    limiter,
    throttle,
    proofOfWork,
    audit,
    ownUrl,
    ...proofs,
  }
}

/** Wrong codes in a row that lock a channel for a purpose (NIST SP 800-63B-4 §3.2.2). */
const LOCK_AFTER = 100

interface Shared {
  readonly secret: Secret
  readonly messages: Messages
  readonly audit: Audit
  readonly limiterOn: (db: Database, now: Date) => Limiter
  readonly urls: BaseUrlRules
  readonly ownUrl: () => string
  readonly count: Count | undefined
}

/** What proves something: codes, mails to set a password, factors. */
function proofParts({ config, random, logger }: ComposeOptions, shared: Shared) {
  const { secret, messages, audit, limiterOn, urls, ownUrl, count } = shared
  const { production, throttles } = config
  const lockAfter = production || throttles.otpVerify ? LOCK_AFTER : undefined
  const smsAlarm = createFirewallAlarm(logger)
  const firewall = { secret, rules: config.smsFirewall, codeLifetime: config.codes.lifetime, alarm: smsAlarm, count }
  const codes: CodeDeps = { secret, random, messages, firewall, rules: { ...config.codes, lockAfter } }
  const destinations = createDestinationLimits(limiterOn, production || throttles.otpSend !== undefined)
  const { defaultLanguage, productName } = config
  const totp: TotpDeps = { secret, random, productName, rules: { lockAfter } }
  const { passwordResetLifetime: resetLifetime } = config
  const passwordMail: PasswordMailDeps = { secret, random, audit, messages, defaultLanguage, resetLifetime, ownUrl }
  const recoveryCodes: RecoveryCodeDeps = { random, audit, messages, defaultLanguage, rules: { lockAfter } }
  const relyingParty = () => relyingPartyOf(config, urls.localUrl())
  const passkeys: PasskeyDeps = {
    secret,
    random,
    audit,
    messages,
    defaultLanguage,
    relyingParty,
    rules: { lockAfter },
  }
  return { codes, smsAlarm, destinations, passwordMail, totp, recoveryCodes, passkeys }
}
