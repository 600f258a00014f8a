import { resolve } from 'node:path'
import type { Config, SmsSettings } from '../config.ts'
import { days, minutes } from '../kernel/duration.ts'
import type { Rate } from '../ports/limiter/port.ts'
import { mailGateway } from './mail.ts'
import type { Values } from './settings.ts'

/** Settings that passed every rule, put together as the rest of the program asks for them. */
export function assemble(values: Values): Config {
  return {
    production: values.NODE_ENV === 'production',
    server: serverOf(values),
    scale: { processes: values.WEB_CONCURRENCY, databaseUrl: values.DATABASE_URL, redisUrl: values.REDIS_URL },
    secretKey: values.SECRET_KEY,
    productName: values.PRODUCT_NAME,
    defaultLanguage: values.DEFAULT_LANGUAGE,
    timeZone: values.TIME_ZONE,
    defaultRegion: values.DEFAULT_REGION,
    oneAccountPerMailbox: values.ONE_ACCOUNT_PER_MAILBOX,
    registration: values.REGISTRATION,
    proofOfWork: values.PROOF_OF_WORK,
    passwordPolicy: values.PASSWORD_POLICY,
    passwordResetLifetime: values.PASSWORD_RESET_MINUTES,
    unverifiedAccountLifetime: values.UNVERIFIED_ACCOUNT_LIFETIME,
    auditRetention: values.AUDIT_RETENTION,
    signIn: {
      requireVerified: values.REQUIRE_VERIFIED,
      byCode: values.SIGN_IN_BY_CODE,
      emailAsSecondFactor: values.EMAIL_AS_SECOND_FACTOR,
    },
    passkeyOrigins: values.PASSKEY_ORIGINS ?? [],
    mail: mailOf(values),
    sms: smsOf(values),
    smsFirewall: smsFirewallOf(values),
    codes: {
      lifetime: values.OTP_EXPIRY_MINUTES,
      resendAfter: values.OTP_RESEND_SECONDS,
      maxTries: values.OTP_MAX_ATTEMPTS,
    },
    failedSignIns: failedSignInsOf(values),
    throttles: throttlesOf(values),
    tokens: tokensOf(values),
  }
}

function serverOf(values: Values): Config['server'] {
  return {
    host: values.HOST,
    port: values.PORT,
    publicUrl: values.PUBLIC_URL,
    dataDir: resolve(values.DATA_DIR),
    allowedHosts: values.ALLOWED_HOSTS,
    trustedProxies: [...new Set((values.TRUSTED_PROXIES ?? []).flat())],
    corsOrigins: values.CORS_ORIGINS ?? [],
    logLevel: values.LOG_LEVEL ?? (values.DEBUG ? 'debug' : 'info'),
    metricsToken: values.METRICS_TOKEN,
  }
}

function mailOf(values: Values): Config['mail'] {
  const mail = mailGateway(values)
  return mail?.from === undefined ? undefined : { ...mail, from: mail.from }
}

function smsOf(values: Values): Config['sms'] {
  return values.SMS_GATEWAYS.map((kind) => (kind === 'webhook' ? webhookOf(values) : kavenegarOf(values))).filter(
    (gateway) => gateway !== undefined,
  )
}

function webhookOf({ SMS_WEBHOOK_URL: url, SMS_WEBHOOK_SECRET: secret }: Values): SmsSettings | undefined {
  return url !== undefined && secret !== undefined ? { kind: 'webhook', url, secret } : undefined
}

function kavenegarOf(values: Values): SmsSettings | undefined {
  const { KAVENEGAR_API_KEY: apiKey, KAVENEGAR_SENDER: sender, KAVENEGAR_TEMPLATE: template } = values
  const baseUrl = values.KAVENEGAR_BASE_URL.replace(/\/+$/, '')
  return apiKey === undefined ? undefined : { kind: 'kavenegar', apiKey, sender, template, baseUrl }
}

function smsFirewallOf(values: Values): Config['smsFirewall'] {
  const countries = values.SMS_COUNTRIES ?? [values.DEFAULT_REGION]
  // As the limits by destination: off where a developer counts nothing.
  const isOff = values.NODE_ENV !== 'production' && values.THROTTLE_OTP_SEND === undefined
  return {
    mode: isOff ? 'observe' : values.SMS_FIREWALL,
    countries: countries.includes('*') ? 'all' : countries,
    perNumberDay: values.SMS_PER_NUMBER_DAY,
    perRangeHour: values.SMS_PER_RANGE_HOUR,
    perAddressHour: values.SMS_PER_ADDRESS_HOUR,
    perCountryDay: values.SMS_PER_COUNTRY_DAY,
    prices: new Map(values.SMS_PRICES),
    budgetHour: values.SMS_BUDGET_HOUR,
    budgetDay: values.SMS_BUDGET_DAY,
    currency: values.SMS_CURRENCY,
  }
}

// The default number, which stays in production whatever else is switched off.
const FAILED_SIGN_INS: Rate = { quota: 20, period: minutes(1) }

function failedSignInsOf(values: Values): Config['failedSignIns'] {
  const isOff = values.NODE_ENV !== 'production' && values.THROTTLE_LOGIN === undefined
  return isOff ? undefined : (values.THROTTLE_LOGIN_FAILED ?? values.THROTTLE_LOGIN ?? FAILED_SIGN_INS)
}

function throttlesOf(values: Values): Config['throttles'] {
  return {
    anon: values.THROTTLE_ANON,
    user: values.THROTTLE_USER,
    login: values.THROTTLE_LOGIN,
    register: values.THROTTLE_REGISTER,
    refresh: values.THROTTLE_REFRESH,
    otpSend: values.THROTTLE_OTP_SEND,
    otpVerify: values.THROTTLE_OTP_VERIFY,
    reset: values.THROTTLE_RESET,
  }
}

const IDLE_LIFETIME = days(7)

function tokensOf(values: Values): Config['tokens'] {
  const fixed = values.REFRESH_TOKEN_LIFETIME
  return {
    accessLifetime: values.ACCESS_TOKEN_LIFETIME,
    refreshLifetime: fixed,
    refreshIdleLifetime: values.REFRESH_IDLE_LIFETIME ?? (fixed < IDLE_LIFETIME ? fixed : IDLE_LIFETIME),
    rotation: values.REFRESH_ROTATION,
    refreshGrace: values.REFRESH_GRACE_SECONDS,
    algorithm: values.JWT_ALGORITHM,
    issuer: values.JWT_ISSUER,
    audience: values.JWT_AUDIENCE,
  }
}
