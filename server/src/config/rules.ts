import { isLoopback } from '../kernel/network.ts'
import { isMailbox } from './kinds-of-text.ts'
import { mailGateway } from './mail.ts'
import type { Problem } from './problem.ts'
import { exampleOf } from './settings.ts'
import type { SettingName, Values } from './settings.ts'

/** What rules look at. A wrong value is set but missing from the values, so that one mistake is not told twice. */
export interface View {
  readonly values: Partial<Values>
  /** Whether the operator set it, rightly or wrongly. */
  readonly isSet: (name: SettingName) => boolean
}

export type Rule = (view: View) => Problem | undefined

/** What any start refuses: settings that contradict each other, halves of a pair, and what would do nothing. */
export function brokenRules(view: View): Problem[] {
  return RULES.map((rule) => rule(view)).filter((problem) => problem !== undefined)
}

const GMAIL_PAIR: readonly SettingName[] = ['EMAIL_HOST_USER', 'EMAIL_HOST_PASSWORD']

/** Whether mail is meant to leave. True too when what describes the gateway is wrong or only half there. */
export const wantsMail = ({ isSet }: View): boolean => isSet('EMAIL_HOST') || GMAIL_PAIR.some(isSet)

/** `name` does nothing, or not what is meant, without `other`. */
const needs =
  (name: SettingName, other: SettingName): Rule =>
  ({ isSet }) =>
    isSet(name) && !isSet(other)
      ? { setting: name, message: `is set, but ${other} is not: set both or neither. Example: ${exampleOf(other)}` }
      : undefined

const needsMailGateway =
  (name: SettingName): Rule =>
  (view) =>
    view.isSet(name) && !wantsMail(view)
      ? {
          setting: name,
          message: `is set, but no mail gateway is: set EMAIL_HOST, or EMAIL_HOST_USER and EMAIL_HOST_PASSWORD for Gmail. Example: ${exampleOf('EMAIL_HOST')}`,
        }
      : undefined

const twoKindsOfTls: Rule = ({ values }) =>
  values.EMAIL_USE_TLS && values.EMAIL_USE_SSL
    ? {
        setting: 'EMAIL_USE_TLS',
        message:
          'and EMAIL_USE_SSL are both true: keep EMAIL_USE_TLS for STARTTLS (port 587), or EMAIL_USE_SSL for TLS from the first byte (port 465). Example: EMAIL_USE_TLS=true',
      }
    : undefined

/** A client that waits for a greeting where the server waits for TLS, or the reverse, hangs until it times out. */
const portAgainstTls: Rule = ({ values }) => {
  const mail = mailGateway(values)
  if (!mail || (values.EMAIL_USE_TLS && values.EMAIL_USE_SSL)) return undefined
  const example = (port: number): string => `Example: EMAIL_PORT=${port}`
  if (mail.port === 465 && mail.security !== 'tls')
    return { setting: 'EMAIL_PORT', message: `465 is for EMAIL_USE_SSL, which is not on. ${example(587)}` }
  if (mail.port === 587 && mail.security === 'tls')
    return { setting: 'EMAIL_PORT', message: `587 is for EMAIL_USE_TLS, but EMAIL_USE_SSL is on. ${example(465)}` }
  return undefined
}

const gmailWantsAnAddress: Rule = ({ values, isSet }) =>
  !isSet('EMAIL_HOST') && values.EMAIL_HOST_USER !== undefined && !isMailbox(values.EMAIL_HOST_USER)
    ? {
        setting: 'EMAIL_HOST_USER',
        message: `must be a whole Gmail address while EMAIL_HOST is not set. Example: ${exampleOf('EMAIL_HOST_USER')}`,
      }
    : undefined

const mailWantsASender: Rule = ({ values, isSet }) =>
  values.EMAIL_HOST !== undefined && !isSet('EMAIL_FROM') && mailGateway(values)?.from === undefined
    ? {
        setting: 'EMAIL_FROM',
        message: `must be set, because EMAIL_HOST_USER is no address to send from. Example: ${exampleOf('EMAIL_FROM')}`,
      }
    : undefined

/** A gateway that is set and not in the order would never be asked. */
const everyGatewayHasItsPlace =
  (gateway: 'kavenegar' | 'webhook', by: SettingName): Rule =>
  ({ values, isSet }) =>
    isSet(by) && values.SMS_GATEWAYS && !values.SMS_GATEWAYS.includes(gateway)
      ? {
          setting: 'SMS_GATEWAYS',
          message: `leaves out ${gateway}, but ${by} is set. Example: ${exampleOf('SMS_GATEWAYS')}`,
        }
      : undefined

/** What has no price costs nothing, and a budget would never see it. */
const budgetWantsPrices =
  (budget: SettingName & ('SMS_BUDGET_HOUR' | 'SMS_BUDGET_DAY')): Rule =>
  ({ values, isSet }) => {
    if (values[budget] === undefined || (isSet('SMS_PRICES') && values.SMS_PRICES === undefined)) return undefined
    const prices = new Map(values.SMS_PRICES)
    const countries = values.SMS_COUNTRIES ?? [values.DEFAULT_REGION ?? '*']
    const unpriced = prices.has('*') ? undefined : countries.find((country) => !prices.has(country))
    if (unpriced === undefined) return undefined
    return {
      setting: budget,
      message: `is set, but SMS_PRICES has no price for ${unpriced}, which SMS_COUNTRIES allows: messages there would not be counted. Example: ${exampleOf('SMS_PRICES')}`,
    }
  }

const idleWithinFixed: Rule = ({ values }) => {
  const { REFRESH_IDLE_LIFETIME: idle, REFRESH_TOKEN_LIFETIME: fixed } = values
  return idle !== undefined && fixed !== undefined && idle > fixed
    ? {
        setting: 'REFRESH_IDLE_LIFETIME',
        message: `must not be longer than REFRESH_TOKEN_LIFETIME, the session's fixed end. Example: ${exampleOf('REFRESH_IDLE_LIFETIME')}`,
      }
    : undefined
}

/** Without a gateway codes lie in the local inbox, which must stay local. */
const openToOthersWithoutMail: Rule = (view) => {
  const { HOST: host, NODE_ENV: mode } = view.values
  if (host === undefined || isLoopback(host) || wantsMail(view) || mode === 'production') return undefined
  return {
    setting: 'HOST',
    message: `${host} lets other machines in, and without a mail gateway codes lie in an inbox that anyone who gets in could read: set EMAIL_HOST, or keep to this machine. Example: HOST=127.0.0.1`,
  }
}

/** A browser refuses any other (WebAuthn Level 3 §5.1.3, step 8), and whoever set it would learn of it from his users. */
const passkeyOriginsAreBelow: Rule = ({ values, isSet }) => {
  if (isSet('PUBLIC_URL') && values.PUBLIC_URL === undefined) return undefined
  const host = new URL(values.PUBLIC_URL ?? 'http://localhost').hostname
  const stranger = values.PASSKEY_ORIGINS?.find((origin) => {
    const { hostname } = new URL(origin)
    return hostname !== host && !hostname.endsWith(`.${host}`)
  })
  if (stranger === undefined) return undefined
  return {
    setting: 'PASSKEY_ORIGINS',
    message: `${stranger} is neither at ${host}, the host of PUBLIC_URL, nor below it: no browser gives it this server's passkeys. Example: ${exampleOf('PASSKEY_ORIGINS')}`,
  }
}

/** Every host derives the same keys of it, and the signing keys in the database are sealed under it. */
const sharedDatabaseWantsASecret: Rule = ({ isSet }) =>
  isSet('DATABASE_URL') && !isSet('SECRET_KEY')
    ? {
        setting: 'SECRET_KEY',
        message: `must be set with DATABASE_URL: every process needs the same one. Example: ${exampleOf('SECRET_KEY')}`,
      }
    : undefined

const RULES: readonly Rule[] = [
  passkeyOriginsAreBelow,
  openToOthersWithoutMail,
  sharedDatabaseWantsASecret,
  needs('EMAIL_HOST_USER', 'EMAIL_HOST_PASSWORD'),
  needs('EMAIL_HOST_PASSWORD', 'EMAIL_HOST_USER'),
  needsMailGateway('EMAIL_PORT'),
  needsMailGateway('EMAIL_USE_TLS'),
  needsMailGateway('EMAIL_USE_SSL'),
  needsMailGateway('EMAIL_FROM'),
  twoKindsOfTls,
  portAgainstTls,
  gmailWantsAnAddress,
  mailWantsASender,
  needs('KAVENEGAR_SENDER', 'KAVENEGAR_API_KEY'),
  needs('KAVENEGAR_TEMPLATE', 'KAVENEGAR_API_KEY'),
  needs('SMS_WEBHOOK_URL', 'SMS_WEBHOOK_SECRET'),
  needs('SMS_WEBHOOK_SECRET', 'SMS_WEBHOOK_URL'),
  everyGatewayHasItsPlace('kavenegar', 'KAVENEGAR_API_KEY'),
  everyGatewayHasItsPlace('webhook', 'SMS_WEBHOOK_URL'),
  budgetWantsPrices('SMS_BUDGET_HOUR'),
  budgetWantsPrices('SMS_BUDGET_DAY'),
  idleWithinFixed,
]
