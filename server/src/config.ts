import { assemble } from './config/assemble.ts'
import { gather } from './config/given.ts'
import type { Environment } from './config/given.ts'
import { parseGiven } from './config/parse.ts'
import { ConfigError } from './config/problem.ts'
import type { Problem } from './config/problem.ts'
import { unfitForProduction } from './config/production.ts'
import { sourcesOf } from './config/report.ts'
import type { SettingSource } from './config/report.ts'
import { brokenRules } from './config/rules.ts'
import type { View } from './config/rules.ts'
import type { Values } from './config/settings.ts'
import { warningsAbout } from './config/warnings.ts'
import type { Region } from './kernel/address.ts'
import type { Duration } from './kernel/duration.ts'
import type { Language } from './kernel/language.ts'
import type { Rate } from './ports/limiter/port.ts'

/** Everything the operator decides, read once at start and never asked of the environment again. */
export interface Config {
  /** `NODE_ENV=production`. */
  readonly production: boolean
  readonly server: {
    readonly host: string
    readonly port: number
    /** Scheme, host and port, without a trailing slash; undefined while not set. */
    readonly publicUrl: string | undefined
    /** Absolute. */
    readonly dataDir: string
    /** Django's forms, in lower case; IPv6 in brackets. */
    readonly allowedHosts: readonly string[]
    /** Addresses and CIDR ranges. */
    readonly trustedProxies: readonly string[]
    /** As a browser's `Origin` has them; `*` (never in production) means all. */
    readonly corsOrigins: readonly string[]
    readonly logLevel: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent'
    readonly metricsToken: string | undefined
  }
  readonly scale: {
    /** How many processes serve; `auto`: one a core. */
    readonly processes: number | 'auto'
    /** PostgreSQL's connection string; undefined: SQLite in the data directory. */
    readonly databaseUrl: string | undefined
    /** Undefined: requests are counted in memory by one process, in the database by several. */
    readonly redisUrl: string | undefined
  }
  /** `SECRET_KEY`; undefined: 32 random bytes kept in the data directory. */
  readonly secretKey: string | undefined
  readonly productName: string
  readonly defaultLanguage: Language
  /** An IANA name, for dates in mails. */
  readonly timeZone: string
  /** ISO 3166 country of phone numbers given in national form. */
  readonly defaultRegion: Region
  readonly oneAccountPerMailbox: boolean
  /** `neutral`: nobody learns from a registration or a change of address that an address is taken. */
  readonly registration: 'open' | 'neutral'
  /** Whether the anonymous may be asked for a proof of work. */
  readonly proofOfWork: boolean
  readonly passwordPolicy: 'composition' | 'nist'
  readonly passwordResetLifetime: Duration
  /** Undefined: accounts that never verified anything stay. */
  readonly unverifiedAccountLifetime: Duration | undefined
  /** Undefined: events stay for ever. */
  readonly auditRetention: Duration | undefined
  readonly signIn: {
    readonly requireVerified: 'none' | 'email' | 'any'
    /** Whether a code to a verified address may begin a sign-in. */
    readonly byCode: boolean
    readonly emailAsSecondFactor: boolean
  }
  /** In place of PUBLIC_URL's own; empty: that one. */
  readonly passkeyOrigins: readonly string[]
  readonly mail:
    | {
        readonly host: string
        readonly port: number
        /** Set together with the password, or neither is. */
        readonly user: string | undefined
        readonly password: string | undefined
        /** `starttls` (required, never optional), `tls` from the first byte, or `none`. */
        readonly security: 'starttls' | 'tls' | 'none'
        readonly from: string
      }
    | undefined
  /** In the order they are tried; empty: none. */
  readonly sms: readonly SmsSettings[]
  readonly smsFirewall: {
    readonly mode: 'enforce' | 'observe'
    /** ISO 3166. */
    readonly countries: readonly string[] | 'all'
    readonly perNumberDay: number
    readonly perRangeHour: number
    readonly perAddressHour: number
    readonly perCountryDay: number
    /** By country, `*` for all others; in ten-thousandths of the currency's unit, as the budgets. */
    readonly prices: ReadonlyMap<string, number>
    /** Undefined: no limit in money. */
    readonly budgetHour: number | undefined
    readonly budgetDay: number | undefined
    /** ISO 4217. */
    readonly currency: string
  }
  readonly codes: {
    readonly lifetime: Duration
    readonly resendAfter: Duration
    readonly maxTries: number
  }
  /** What one address may fail at accounts that do not know it; undefined: no failed sign-in is counted at all. */
  readonly failedSignIns: Rate | undefined
  /** Undefined: off. */
  readonly throttles: {
    readonly anon: Rate | undefined
    readonly user: Rate | undefined
    readonly login: Rate | undefined
    readonly register: Rate | undefined
    readonly refresh: Rate | undefined
    readonly otpSend: Rate | undefined
    readonly otpVerify: Rate | undefined
    readonly reset: Rate | undefined
  }
  readonly tokens: {
    readonly accessLifetime: Duration
    /** The session's fixed end. */
    readonly refreshLifetime: Duration
    readonly refreshIdleLifetime: Duration
    readonly rotation: 'auto' | 'on'
    readonly refreshGrace: Duration
    readonly algorithm: 'ES256' | 'EdDSA' | 'RS256'
    readonly issuer: string | undefined
    readonly audience: string | undefined
  }
}

/** One way for text messages to leave. */
export type SmsSettings =
  | {
      readonly kind: 'kavenegar'
      readonly apiKey: string
      readonly sender: string | undefined
      readonly template: string | undefined
      /** Without a trailing slash. */
      readonly baseUrl: string
    }
  /** The secret as set: `whsec_` and base64, or the bytes as they stand. */
  | { readonly kind: 'webhook'; readonly url: string; readonly secret: string }

/** What was read, and what is worth telling the operator about it. */
export interface Reading {
  readonly config: Config
  readonly sources: readonly SettingSource[]
  /** What a start with `NODE_ENV=production` would refuse; empty in production, which refuses it. */
  readonly missingForProduction: readonly Problem[]
  /** What is allowed and yet most likely not meant. */
  readonly warnings: readonly Problem[]
}

/**
 * Reads every setting from the environment and, where that says nothing, from the text of a `.env` file. Reads the files
 * that `NAME_FILE` names, and touches nothing else. Throws ConfigError, and that alone, naming every problem at once;
 * neither it nor `sources` holds a secret.
 */
export function readConfig(environment: Environment, dotenvText = ''): Reading {
  const { given, problems: unreadable } = gather(environment, dotenvText)
  const { values, problems: wrong } = parseGiven(given)
  const view: View = { values, isSet: (name) => given.has(name) || unreadable.some(({ setting }) => setting === name) }
  const unfit = unfitForProduction(view)
  const refused = values.NODE_ENV === 'production' ? unfit : []
  const problems = [...unreadable, ...wrong, ...brokenRules(view), ...refused]
  if (problems.length > 0) throw new ConfigError(problems)
  return {
    config: assemble(values as Values), // complete: nothing was wrong
    sources: sourcesOf(given),
    missingForProduction: unfit,
    warnings: warningsAbout(view),
  }
}
