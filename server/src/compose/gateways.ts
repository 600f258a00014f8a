import type { FastifyBaseLogger } from 'fastify'
import type { Config, SmsSettings } from '../config.ts'
import type { Clock } from '../kernel/clock.ts'
import { createLocalInbox } from '../ports/inbox/memory.ts'
import type { Inbox, InboxShare } from '../ports/inbox/port.ts'
import type { MailGateway } from '../ports/mail/port.ts'
import { createSmtpGateway } from '../ports/mail/smtp.ts'
import { createFailover } from '../ports/sms/failover.ts'
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

export function createGateways(config: Config, clock: Clock, log: GatewayLog, share?: InboxShare): Gateways {
  const real = createRealGateways(config, clock, log)
  if (config.production || (real.email && real.sms)) return real
  const inbox = createLocalInbox({ clock, share })
  return { email: inbox.mail, sms: inbox.sms, ...real, inbox }
}

type GatewayLog = Pick<FastifyBaseLogger, 'error'>

/** Only what the settings name: the local inbox of another process would be seen by nobody. */
export function createRealGateways({ mail, sms }: Config, clock: Clock, log: GatewayLog): Gateways {
  const onOpen = (gateway: string, reason: string) =>
    log.error({ gateway, reason }, 'an SMS gateway fails: it is passed over, but for a trial each half minute')
  const gateways = sms.map((settings) => smsGateway(settings, clock))
  const one = gateways.length > 1 ? createFailover(gateways, { clock, onOpen }) : gateways[0]
  return { ...(mail && { email: createSmtpGateway(mail, { clock }) }), ...(one && { sms: one }) }
}

const smsGateway = (sms: SmsSettings, clock: Clock): SmsGateway =>
  sms.kind === 'kavenegar' ? createKavenegarGateway(sms) : createSmsWebhook(sms, { clock })

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
export const checkSms = async (sms: SmsSettings): Promise<GatewayCheck> =>
  sms.kind === 'kavenegar' ? createKavenegarGateway(sms).accountInfo() : { kind: 'unasked' }
