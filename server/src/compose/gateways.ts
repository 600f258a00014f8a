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

export function createGateways(config: Config, clock: Clock): Gateways {
  const real = createRealGateways(config, clock)
  if (config.production || (real.email && real.sms)) return real
  const inbox = createLocalInbox({ clock })
  return { email: inbox.mail, sms: inbox.sms, ...real, inbox }
}

/** Only what the settings name: the local inbox of another process would be seen by nobody. */
export const createRealGateways = ({ mail, sms }: Config, clock: Clock): Gateways => ({
  ...(mail && { email: createSmtpGateway(mail, { clock }) }),
  ...(sms && { sms: smsGateway(sms, clock) }),
})

function smsGateway(sms: NonNullable<Config['sms']>, clock: Clock): SmsGateway {
  return sms.kind === 'kavenegar' ? createKavenegarGateway(sms) : createSmsWebhook(sms, { clock })
}

/** What a gateway says when it is asked without sending anything. `unasked`: it offers no such question. */
export type GatewayCheck =
  | { readonly kind: 'ready'; readonly creditRials?: number }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'unasked' }
  | { readonly kind: 'not_set' }

/** Logs in at the mail server as for a mail, and sends none. */
export async function checkMail({ mail }: Config, clock: Clock): Promise<GatewayCheck> {
  if (!mail) return { kind: 'not_set' }
  const gateway = createSmtpGateway(mail, { clock })
  try {
    return await gateway.verify()
  } finally {
    await gateway.close()
  }
}

/** Asks Kavenegar for the credit left. A webhook of the operator's own cannot be asked without sending. */
export async function checkSms({ sms }: Config): Promise<GatewayCheck> {
  if (!sms) return { kind: 'not_set' }
  return sms.kind === 'kavenegar' ? createKavenegarGateway(sms).accountInfo() : { kind: 'unasked' }
}
