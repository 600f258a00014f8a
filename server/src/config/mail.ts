import { isMailbox } from './kinds-of-text.ts'
import type { Values } from './settings.ts'

const GMAIL = 'smtp.gmail.com'
const PORTS = { starttls: 587, tls: 465, none: 25 } as const

export type MailSecurity = keyof typeof PORTS

interface MailGatewaySettings {
  readonly host: string
  readonly port: number
  readonly user: string | undefined
  readonly password: string | undefined
  readonly security: MailSecurity
  /** Undefined when nothing says who mails come from, which the rules refuse. */
  readonly from: string | undefined
}

/** The mail gateway the settings describe; undefined when none. Half a description is the rules' matter. */
export function mailGateway(values: Partial<Values>): MailGatewaySettings | undefined {
  const { EMAIL_HOST_USER: user, EMAIL_HOST_PASSWORD: password } = values
  const host = values.EMAIL_HOST ?? (user !== undefined && password !== undefined ? GMAIL : undefined)
  if (host === undefined) return undefined
  const security = securityOf(values)
  return {
    host,
    port: values.EMAIL_PORT ?? PORTS[security],
    user,
    // Gmail shows an app password in four groups; the spaces between them are no part of it.
    password: host.toLowerCase() === GMAIL ? password?.replace(/\s/g, '') : password,
    security,
    from: values.EMAIL_FROM ?? (user !== undefined && isMailbox(user) ? user : undefined),
  }
}

/** What is said counts; where nothing is, the port tells; where that is not said either, nothing goes in the clear. */
function securityOf(values: Partial<Values>): MailSecurity {
  const { EMAIL_USE_TLS: starttls, EMAIL_USE_SSL: tls, EMAIL_PORT: port } = values
  if (tls ?? (starttls !== true && port === PORTS.tls)) return 'tls'
  if (starttls ?? (port === undefined || port === PORTS.starttls)) return 'starttls'
  return 'none'
}
