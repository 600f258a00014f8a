import type { Duration } from './kernel/duration.ts'
import type { Language } from './kernel/language.ts'
import type { Rate } from './ports/limiter/port.ts'

/** Everything the operator decides, read once at start and never asked of the environment again. */
export interface Config {
  /** `NODE_ENV=production`. */
  readonly production: boolean
  readonly debug: boolean
  readonly server: {
    readonly host: string
    readonly port: number
    /** Without a trailing slash; undefined while not set. */
    readonly publicUrl: string | undefined
    readonly dataDir: string
    readonly allowedHosts: readonly string[]
    /** Addresses and CIDR ranges. */
    readonly trustedProxies: readonly string[]
    readonly corsOrigins: readonly string[]
    readonly logLevel: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent'
    readonly metricsToken: string | undefined
  }
  /** `SECRET_KEY`; undefined: 32 random bytes kept in the data directory. */
  readonly secretKey: string | undefined
  readonly productName: string
  readonly defaultLanguage: Language
  /** An IANA name, for dates in mails. */
  readonly timeZone: string
  /** ISO 3166 country of phone numbers given in national form. */
  readonly defaultRegion: string
  readonly oneAccountPerMailbox: boolean
  readonly passwordPolicy: 'composition' | 'nist'
  readonly mail:
    | {
        readonly host: string
        readonly port: number
        readonly user: string | undefined
        readonly password: string | undefined
        /** `starttls` (required, never optional), `tls` from the first byte, or `none`. */
        readonly security: 'starttls' | 'tls' | 'none'
        readonly from: string
      }
    | undefined
  readonly sms:
    | {
        readonly kind: 'kavenegar'
        readonly apiKey: string
        readonly sender: string | undefined
        readonly template: string | undefined
        readonly baseUrl: string
      }
    | { readonly kind: 'webhook'; readonly url: string; readonly secret: string }
    | undefined
  readonly codes: {
    readonly lifetime: Duration
    readonly resendAfter: Duration
    readonly maxTries: number
  }
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
