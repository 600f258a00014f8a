import type { SendOutcome } from '../../kernel/delivery.ts'
import type { Language } from '../../kernel/language.ts'
import type { Phone } from '../../kernel/address.ts'

/** One text message. */
export interface Sms {
  /** Stable across retries: gateways that can recognise a second copy do so by it. */
  readonly id: string
  readonly to: Phone
  readonly text: string
  /** The purpose a gateway's own template may be chosen by, e.g. `verification`. */
  readonly template: string
  readonly language: Language
  /** The code alone, for gateways that fill a template of their own, and for the local inbox. */
  readonly code?: string
  readonly expiresAt?: Date
}

/** Asks one SMS gateway to take a message. Never throws: what went wrong is a value the outbox decides by. */
export interface SmsGateway {
  readonly name: string
  send(sms: Sms): Promise<SendOutcome>
  close(): Promise<void>
}
