import { parseRegion } from '../../kernel/address.ts'
import { minutes, seconds } from '../../kernel/duration.ts'
import { LANGUAGES } from '../../kernel/language.ts'
import { origin } from '../kinds-of-address.ts'
import {
  boolean,
  choice,
  duration,
  durationOrOff,
  kind,
  list,
  rate,
  rateAlone,
  wholeNumber,
  wholeNumberOf,
} from '../kinds.ts'
import { oneLine, stringOrUri, timeZone } from '../kinds-of-text.ts'
import type { SettingTable } from '../setting.ts'

export const ACCOUNTS = {
  PRODUCT_NAME: {
    kind: oneLine(60),
    default: 'Latchkey',
    help: 'What mails, text messages and pages call this service.',
    example: 'Example Shop',
  },
  DEFAULT_LANGUAGE: {
    kind: choice(...LANGUAGES),
    default: 'en',
    help: 'The language for whoever asks for none of ours.',
    example: 'fa',
  },
  DEFAULT_REGION: {
    kind: kind('a country code of two letters (ISO 3166)', parseRegion),
    default: 'IR',
    help: 'The country of phone numbers written without a country code.',
    example: 'IR',
  },
  TIME_ZONE: {
    kind: timeZone,
    default: 'UTC',
    help: 'For dates in mails.',
    example: 'Asia/Tehran',
  },
  PASSWORD_POLICY: {
    kind: choice('composition', 'nist'),
    default: 'composition',
    help: 'composition: 8 characters with upper case, lower case and punctuation; nist: 15 characters of any kind.',
    example: 'nist',
  },
  ONE_ACCOUNT_PER_MAILBOX: {
    kind: boolean,
    default: 'true',
    help: 'Dots and +tags at gmail.com make no second account.',
    example: 'false',
  },
  REGISTRATION: {
    kind: choice('open', 'neutral'),
    default: 'open',
    help: 'open: a registration makes the account, and tells of an address that is taken. neutral: it answers alike for every address, and a code mailed there makes the account.',
    example: 'neutral',
  },
  PROOF_OF_WORK: {
    kind: boolean,
    default: 'off',
    help: 'Whether whoever registers or has a code sent without a session must first solve a puzzle while much is asked for, or from an unknown device (docs/proof-of-work.md). Clients that cannot are refused then.',
    example: 'on',
  },
  REQUIRE_VERIFIED: {
    kind: choice('none', 'email', 'any'),
    default: 'none',
    help: 'What must be verified before a session opens: nothing, the e-mail address, or any channel. Whoever has not is asked for a code at sign-in.',
    example: 'email',
  },
  UNVERIFIED_ACCOUNT_LIFETIME: {
    kind: durationOrOff('1h', '365d'),
    default: 'off',
    help: 'After how long an account that never verified anything is deleted, which frees its address; admins stay. People who use the service and never verify lose theirs, too.',
    example: '30d',
  },
  AUDIT_RETENTION: {
    kind: durationOrOff('7d', '3650d'),
    default: 'off',
    help: 'After how long events of the audit are removed; a signed checkpoint stays. off: never.',
    example: '365d',
  },
} satisfies SettingTable

export const FACTORS = {
  EMAIL_AS_SECOND_FACTOR: {
    kind: boolean,
    default: 'true',
    help: 'Whether a code by e-mail counts as a second factor. NIST SP 800-63B-4 §3.1.3.1 says it should not.',
    example: 'false',
  },
  SIGN_IN_BY_CODE: {
    kind: boolean,
    default: 'true',
    help: 'Whether a code to a verified address may begin a sign-in, in place of a password.',
    example: 'false',
  },
  PASSKEY_ORIGINS: {
    kind: list('origins: http:// or https:// with a host and no path', origin),
    help: 'Web pages whose passkeys are taken, all at the host of PUBLIC_URL or below it. Not set: PUBLIC_URL alone.',
    example: 'https://auth.example.com,https://app.auth.example.com',
  },
  PASSWORD_RESET_MINUTES: {
    kind: wholeNumberOf(minutes, 5, 120),
    default: '30',
    help: 'How long a mail to reset a password is good for.',
    example: '15',
  },
} satisfies SettingTable

export const CODES = {
  OTP_EXPIRY_MINUTES: {
    kind: wholeNumberOf(minutes, 1, 10),
    default: '2',
    help: 'How long a code is good for.',
    example: '5',
  },
  OTP_RESEND_SECONDS: {
    kind: wholeNumberOf(seconds, 0, 3600),
    default: '60',
    help: 'How long to wait before asking for another code.',
    example: '120',
  },
  OTP_MAX_ATTEMPTS: {
    // Ten guesses at six digits give a blind attacker 1 chance in 90 000 per code; more would be giving codes away.
    kind: wholeNumber(1, 10),
    default: '5',
    help: 'How many tries a code has.',
    example: '3',
  },
} satisfies SettingTable

export const TOKENS = {
  ACCESS_TOKEN_LIFETIME: {
    kind: duration('1s', '15m'),
    default: '15m',
    help: 'How long an access token is good for, where a service does not ask this one.',
    example: '10m',
  },
  REFRESH_TOKEN_LIFETIME: {
    kind: duration('1s', '30d'),
    default: '30d',
    help: 'When a session ends, however much it is used.',
    example: '14d',
  },
  REFRESH_IDLE_LIFETIME: {
    kind: duration('1s', '7d'),
    help: 'When an unused session ends. Not set: 7d, or REFRESH_TOKEN_LIFETIME where that is shorter.',
    example: '3d',
  },
  REFRESH_ROTATION: {
    kind: choice('auto', 'on'),
    default: 'auto',
    help: 'auto: a client that never takes the new refresh token goes on with its first; on: each is good once.',
    example: 'on',
  },
  REFRESH_GRACE_SECONDS: {
    kind: wholeNumberOf(seconds, 0, 300),
    default: '60',
    help: 'How long a used refresh token still gives the same successor, for lost answers and second tabs.',
    example: '30',
  },
  JWT_ALGORITHM: {
    kind: choice('ES256', 'EdDSA', 'RS256'),
    default: 'ES256',
    help: 'How access tokens are signed.',
    example: 'RS256',
  },
  JWT_ISSUER: {
    kind: stringOrUri,
    help: 'The iss of access tokens. Not set: PUBLIC_URL.',
    example: 'https://auth.example.com',
  },
  JWT_AUDIENCE: {
    kind: stringOrUri,
    help: 'The aud of access tokens. Not set: the issuer.',
    example: 'example-api',
  },
} satisfies SettingTable

export const THROTTLES = {
  THROTTLE_ANON: {
    kind: rate,
    default: '300/min',
    help: 'Requests without a session, by address; refresh and verify are not counted.',
    example: '100/day',
  },
  THROTTLE_USER: { kind: rate, default: '600/min', help: 'Requests of one user.', example: '1000/day' },
  THROTTLE_LOGIN: {
    kind: rate,
    default: '20/min',
    help: 'Whatever takes a password, or a code without a session, by address; a rate a minute allows five times as many an hour.',
    example: '10/min',
  },
  THROTTLE_LOGIN_FAILED: {
    kind: rateAlone,
    help: 'Failed sign-ins from one address at accounts that do not know it, kept in the database; a rate a minute allows five times as many an hour. THROTTLE_LOGIN unless set.',
    example: '20/min',
  },
  THROTTLE_REGISTER: {
    kind: rate,
    default: '30/hour',
    help: 'Registrations, by address; other e-mail addresses a user asks for, by user.',
    example: '5/hour',
  },
  THROTTLE_REFRESH: { kind: rate, default: '60/min', help: 'Refreshes of one session.', example: '30/min' },
  THROTTLE_OTP_SEND: {
    kind: rate,
    default: '10/hour',
    help: 'Codes sent for one user; without a session, by address.',
    example: '5/hour',
  },
  THROTTLE_OTP_VERIFY: {
    kind: rate,
    default: '20/hour',
    help: 'Codes and second steps tried by one user.',
    example: '10/hour',
  },
  THROTTLE_RESET: { kind: rate, default: '5/hour', help: 'Password resets asked for, by address.', example: '3/hour' },
} satisfies SettingTable
