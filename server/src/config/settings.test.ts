import { describe, expect, it } from 'vitest'
import { problemsOf } from '../../test/settings.ts'
import { GROUPS, SETTING_NAMES, settingNamed } from './settings.ts'
import type { SettingName } from './settings.ts'

/** For each setting a value that breaks its rule. A new setting needs one here, or nobody knows that it refuses anything. */
const WRONG: Readonly<Record<SettingName, string>> = {
  NODE_ENV: 'prod',
  HOST: '127.0.0.1:8000',
  PORT: 'eighty',
  PUBLIC_URL: 'https://example.com/auth',
  ALLOW_INSECURE_PUBLIC_URL: 'perhaps',
  ALLOWED_HOSTS: 'localhost,https://example.com',
  TRUSTED_PROXIES: '10.0.0.0/33',
  CORS_ORIGINS: 'https://example.com/app',
  DATA_DIR: 'da\nta',
  SECRET_KEY: 'se\u0007cret',
  LOG_LEVEL: 'loud',
  DEBUG: 'maybe',
  METRICS_TOKEN: 'too-short',
  EMAIL_HOST: 'smtp.example.com:587',
  EMAIL_PORT: '0',
  EMAIL_HOST_USER: 'some\none',
  EMAIL_HOST_PASSWORD: 'pass\nword',
  EMAIL_USE_TLS: 'starttls',
  EMAIL_USE_SSL: '2',
  EMAIL_FROM: 'Example Shop',
  KAVENEGAR_API_KEY: 'two words',
  KAVENEGAR_SENDER: 'shop',
  KAVENEGAR_TEMPLATE: 'my template',
  KAVENEGAR_BASE_URL: 'api.kavenegar.com',
  SMS_WEBHOOK_URL: 'ftp://sms.example.com',
  SMS_WEBHOOK_SECRET: 'whsec_short',
  SMS_GATEWAYS: 'kavenegar,twilio',
  SMS_FIREWALL: 'off',
  SMS_COUNTRIES: 'IR,Iran',
  SMS_PER_NUMBER_DAY: '0',
  SMS_PER_RANGE_HOUR: '20/hour',
  SMS_PER_ADDRESS_HOUR: 'many',
  SMS_PER_COUNTRY_DAY: '-1',
  SMS_PRICES: 'IR=0.01,GB',
  SMS_CURRENCY: 'Rial',
  SMS_BUDGET_HOUR: '0',
  SMS_BUDGET_DAY: '1,50',
  PRODUCT_NAME: 'Example\r\nBcc: all@example.com',
  DEFAULT_LANGUAGE: 'de',
  DEFAULT_REGION: 'Iran',
  TIME_ZONE: '+03:30',
  PASSWORD_POLICY: 'none',
  ONE_ACCOUNT_PER_MAILBOX: 'sometimes',
  REGISTRATION: 'closed',
  PROOF_OF_WORK: 'sometimes',
  REQUIRE_VERIFIED: 'phone',
  UNVERIFIED_ACCOUNT_LIFETIME: '59m',
  AUDIT_RETENTION: '6d',
  EMAIL_AS_SECOND_FACTOR: 'rarely',
  SIGN_IN_BY_CODE: 'sms',
  PASSKEY_ORIGINS: 'https://example.com/app',
  PASSWORD_RESET_MINUTES: '4',
  OTP_EXPIRY_MINUTES: '11',
  OTP_RESEND_SECONDS: '1m',
  OTP_MAX_ATTEMPTS: '0',
  ACCESS_TOKEN_LIFETIME: '15h',
  REFRESH_TOKEN_LIFETIME: '31d',
  REFRESH_IDLE_LIFETIME: '8d',
  REFRESH_ROTATION: 'off',
  REFRESH_GRACE_SECONDS: '0.5',
  JWT_ALGORITHM: 'HS256',
  JWT_ISSUER: 'my issuer',
  JWT_AUDIENCE: ': no uri',
  THROTTLE_ANON: '100',
  THROTTLE_USER: '100/fortnight',
  THROTTLE_LOGIN: '0/min',
  THROTTLE_LOGIN_FAILED: 'off',
  THROTTLE_REGISTER: '-1/min',
  THROTTLE_REFRESH: '1.5/min',
  THROTTLE_OTP_SEND: 'none',
  THROTTLE_OTP_VERIFY: '/day',
  THROTTLE_RESET: '5 per hour',
  WEB_CONCURRENCY: '0',
  DATABASE_URL: 'mysql://localhost/latchkey',
  REDIS_URL: 'localhost:6379',
}

describe('a wrong setting', () => {
  it.each(SETTING_NAMES)('%s is named with its rule and an example', (name) => {
    const { kind, example } = settingNamed(name)
    const messages = problemsOf({ [name]: WRONG[name] }).filter(({ setting }) => setting === name)
    expect(messages.map(({ message }) => message).join('\n')).toContain(`must be ${kind.rule}`)
    expect(messages.map(({ message }) => message).join('\n')).toContain(`Example: `)
    expect(messages.map(({ message }) => message).join('\n')).toContain(example)
  })

  it('is named beside all the others, when everything is wrong at once', () => {
    const named = problemsOf(WRONG).map(({ setting }) => setting)
    expect(named).toEqual(expect.arrayContaining([...SETTING_NAMES]))
  })

  it('is quoted with where it was found, unless it is a secret', () => {
    expect(problemsOf({ PORT: 'eighty' })[0]?.message).toContain('but is "eighty" in the environment')
    expect(problemsOf({}, 'PORT=eighty')[0]?.message).toContain('but is "eighty" in .env')
    expect(problemsOf({ METRICS_TOKEN: 'too-short' })[0]?.message).not.toContain('too-short')
  })

  it('is named by the item of a list that is at fault', () => {
    expect(problemsOf({ TRUSTED_PROXIES: '10.0.0.1, 10.0.0.300' })[0]?.message).toContain('is "10.0.0.300"')
  })

  // What follows a bare % is no character: seen to end the start in a fault of ours.
  it.each([
    ['DATABASE_URL', 'postgres://me:100%sure@db.example.com/latchkey'],
    ['DATABASE_URL', 'postgres://me@db.example.com/%zz'],
    ['REDIS_URL', 'redis://:100%sure@redis.example.com'],
  ])('is a %s in which a part does not decode', (name, url) => {
    const [problem] = problemsOf({ SECRET_KEY: 'x'.repeat(40), [name]: url })
    expect(problem).toMatchObject({ setting: name })
    expect(problem?.message).not.toContain('sure')
  })

  it('does not show what a web address may hide', () => {
    const message = problemsOf({ PUBLIC_URL: 'https://me:hunter2@example.com/?token=hunter3' })[0]?.message
    expect(message).toContain('"https://…@example.com/?…"')
  })
})

describe('the table', () => {
  it('has every setting in exactly one group', () => {
    expect(GROUPS.flatMap(({ settings }) => Object.keys(settings))).toEqual(SETTING_NAMES)
  })

  it.each(SETTING_NAMES.filter((name) => !settingNamed(name).secret))(
    'gives an example of %s that is accepted',
    (name) => {
      expect(settingNamed(name).kind.parse(settingNamed(name).example)).toHaveProperty('value')
    },
  )

  it.each(SETTING_NAMES.filter((name) => settingNamed(name).default))(
    'has a default of %s that is accepted',
    (name) => {
      expect(settingNamed(name).kind.parse(settingNamed(name).default!)).toHaveProperty('value')
    },
  )
})
