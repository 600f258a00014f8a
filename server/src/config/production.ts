import { isLoopback } from '../kernel/network.ts'
import { mailGateway } from './mail.ts'
import type { Problem } from './problem.ts'
import { wantsMail } from './rules.ts'
import type { Rule, View } from './rules.ts'
import { exampleOf } from './settings.ts'
import type { SettingName } from './settings.ts'

/** What a start in production refuses; outside production, what is still missing for it. */
export function unfitForProduction(view: View): Problem[] {
  return RULES.map((rule) => rule(view)).filter((problem) => problem !== undefined)
}

const MIN_SECRET_KEY_BYTES = 32

const publicUrlIsSet: Rule = ({ isSet }) =>
  isSet('PUBLIC_URL')
    ? undefined
    : {
        setting: 'PUBLIC_URL',
        message: `must be set in production: links and tokens carry it. Example: ${exampleOf('PUBLIC_URL')}`,
      }

const publicUrlIsSecure: Rule = ({ values }) =>
  values.PUBLIC_URL?.startsWith('http:') && values.ALLOW_INSECURE_PUBLIC_URL === false
    ? {
        setting: 'PUBLIC_URL',
        message: `must be https in production, or passwords and tokens travel in the clear; ALLOW_INSECURE_PUBLIC_URL=true allows it all the same. Example: ${exampleOf('PUBLIC_URL')}`,
      }
    : undefined

const secretKeyIsLong: Rule = ({ values }) =>
  values.SECRET_KEY !== undefined && Buffer.byteLength(values.SECRET_KEY) < MIN_SECRET_KEY_BYTES
    ? {
        setting: 'SECRET_KEY',
        message: `must have at least ${MIN_SECRET_KEY_BYTES} bytes in production, but has ${Buffer.byteLength(values.SECRET_KEY)}. Example: ${exampleOf('SECRET_KEY')}`,
      }
    : undefined

const mailIsSet: Rule = (view) =>
  wantsMail(view)
    ? undefined
    : {
        setting: 'EMAIL_HOST',
        message: `must be set in production, or for Gmail EMAIL_HOST_USER and EMAIL_HOST_PASSWORD: without mail nobody can verify an address. Example: ${exampleOf('EMAIL_HOST')}`,
      }

const mailPasswordIsSealed: Rule = ({ values }) => {
  const mail = mailGateway(values)
  if (mail?.password === undefined || mail.security !== 'none' || isLoopback(mail.host)) return undefined
  return {
    setting: 'EMAIL_USE_TLS',
    message:
      'must be on in production where a password is sent, or the password travels in the clear. Example: EMAIL_USE_TLS=true',
  }
}

const noOriginIsAnyones: Rule = ({ values }) =>
  values.CORS_ORIGINS?.includes('*')
    ? {
        setting: 'CORS_ORIGINS',
        message: `must name its origins in production, not *. Example: ${exampleOf('CORS_ORIGINS')}`,
      }
    : undefined

/** Codes and phone numbers stay unread on the way. A name without a dot is a neighbour on the same private network. */
const isSecureUrl =
  (setting: SettingName & ('KAVENEGAR_BASE_URL' | 'SMS_WEBHOOK_URL')): Rule =>
  ({ values }) => {
    const url = URL.parse(values[setting] ?? '')
    if (url?.protocol !== 'http:' || isLoopback(url.hostname) || /^[^.:[]+$/.test(url.hostname)) return undefined
    return {
      setting,
      message: `must be https in production, or codes and phone numbers travel in the clear. Example: ${exampleOf(setting)}`,
    }
  }

/** Whoever sits on the way could put a page of his own there, and use the passkeys of whoever opens it. */
const passkeyOriginsAreSecure: Rule = ({ values }) => {
  const open = values.PASSKEY_ORIGINS?.find(
    (origin) => origin.startsWith('http:') && !isLoopback(new URL(origin).hostname),
  )
  if (open === undefined) return undefined
  return {
    setting: 'PASSKEY_ORIGINS',
    message: `${open} must be https in production: browsers give passkeys to no other page. Example: ${exampleOf('PASSKEY_ORIGINS')}`,
  }
}

const RULES: readonly Rule[] = [
  passkeyOriginsAreSecure,
  publicUrlIsSet,
  publicUrlIsSecure,
  noOriginIsAnyones,
  secretKeyIsLong,
  mailIsSet,
  mailPasswordIsSealed,
  isSecureUrl('KAVENEGAR_BASE_URL'),
  isSecureUrl('SMS_WEBHOOK_URL'),
]
