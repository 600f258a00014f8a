import type { SendOutcome } from '../../kernel/delivery.ts'
import type { MailGateway } from '../../ports/mail/port.ts'
import type { SmsGateway } from '../../ports/sms/port.ts'
import type { Content } from './content.ts'
import type { Channel, Claim } from './outbox.ts'

/** The way out of one channel. */
export interface Post {
  readonly channel: Channel
  readonly gateway: string
  send(content: Content, claim: Claim): Promise<SendOutcome>
}

const WRONG_CHANNEL: SendOutcome = { kind: 'message_refused', reason: 'written for another channel' }

export const mailPost = (gateway: MailGateway): Post => ({
  channel: 'email',
  gateway: gateway.name,
  async send(content, claim) {
    if (content.channel !== 'email') return WRONG_CHANNEL
    const { channel: _, ...mail } = content
    return gateway.send({ id: claim.id, ...mail })
  },
})

export const smsPost = (gateway: SmsGateway): Post => ({
  channel: 'sms',
  gateway: gateway.name,
  async send(content, claim) {
    if (content.channel !== 'sms') return WRONG_CHANNEL
    const { channel: _, ...sms } = content
    return gateway.send({ id: claim.id, attempt: claim.attempts, template: claim.template, ...sms })
  },
})
