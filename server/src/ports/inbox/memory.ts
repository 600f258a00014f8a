import type { Clock } from '../../kernel/clock.ts'
import type { SendOutcome } from '../../kernel/delivery.ts'
import type { Mail, MailGateway } from '../mail/port.ts'
import type { Sms, SmsGateway } from '../sms/port.ts'
import { type Inbox, type InboxMessage, type InboxShare, KEPT_MESSAGES } from './port.ts'

/** Stands in for both gateways while none is set, and shows what they would have sent. */
export interface LocalInbox extends Inbox {
  readonly mail: MailGateway
  readonly sms: SmsGateway
}

interface LocalInboxOptions {
  readonly clock: Clock
  /** Undefined: this process serves alone. */
  readonly share?: InboxShare | undefined
}

/**
 * Accepts everything and keeps the newest `KEPT_MESSAGES` in memory; a message sent again replaces its earlier copy.
 * Gone when the process ends.
 */
export function createLocalInbox({ clock, share }: LocalInboxOptions): LocalInbox {
  const kept = new Map<string, InboxMessage>() // oldest first
  const keep = (message: InboxMessage): void => {
    kept.delete(message.id)
    kept.set(message.id, message)
    const oldest = kept.keys().next()
    if (kept.size > KEPT_MESSAGES && !oldest.done) kept.delete(oldest.value)
  }
  const deliver = async (message: InboxMessage): Promise<SendOutcome> => {
    keep(message)
    share?.tell(message)
    return { kind: 'sent', gatewayId: message.id }
  }
  share?.hear(keep)
  const gateway = { name: 'inbox', close: async () => {} }
  return {
    mail: { ...gateway, send: (mail) => deliver(fromMail(mail, clock.now())) },
    sms: { ...gateway, send: (sms) => deliver(fromSms(sms, clock.now())) },
    messages(to) {
      const newestFirst = [...kept.values()].toReversed()
      if (to === undefined) return newestFirst
      return newestFirst.filter((message) => message.to.toLowerCase() === to.toLowerCase())
    },
  }
}

const fromMail = (mail: Mail, sentAt: Date): InboxMessage => ({
  id: mail.id,
  channel: 'email',
  to: mail.to,
  subject: mail.subject,
  text: mail.text,
  html: mail.html,
  code: mail.code,
  expiresAt: mail.expiresAt,
  sentAt,
})

const fromSms = (sms: Sms, sentAt: Date): InboxMessage => ({
  id: sms.id,
  channel: 'sms',
  to: sms.to,
  subject: undefined,
  text: sms.text,
  html: undefined,
  code: sms.code,
  expiresAt: sms.expiresAt,
  sentAt,
})
