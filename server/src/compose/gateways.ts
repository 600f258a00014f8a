import type { Config } from '../config.ts'
import type { Clock } from '../kernel/clock.ts'
import { createLocalInbox } from '../ports/inbox/memory.ts'
import type { Inbox } from '../ports/inbox/port.ts'
import type { MailGateway } from '../ports/mail/port.ts'
import { createSmtpGateway } from '../ports/mail/smtp.ts'
import { createKavenegarGateway } from '../ports/sms/kavenegar.ts'
import type { SmsGateway } from '../ports/sms/port.ts'
import { createSmsWebhook } from '../ports/sms/webhook.ts'

/** Where messages leave. A channel without one cannot be used. */
export interface Gateways {
  readonly email?: MailGateway
  readonly sms?: SmsGateway
  /** What stands in for a gateway not set; never in production. */
  readonly inbox?: Inbox
}

export function createGateways({ mail, sms, production }: Config, clock: Clock): Gateways {
  const inbox = production || (mail && sms) ? undefined : createLocalInbox({ clock })
  const email = mail ? createSmtpGateway(mail, { clock }) : inbox?.mail
  const text = sms ? smsGateway(sms, clock) : inbox?.sms
  return { ...(email && { email }), ...(text && { sms: text }), ...(inbox && { inbox }) }
}

function smsGateway(sms: NonNullable<Config['sms']>, clock: Clock): SmsGateway {
  return sms.kind === 'kavenegar' ? createKavenegarGateway(sms) : createSmsWebhook(sms, { clock })
}
