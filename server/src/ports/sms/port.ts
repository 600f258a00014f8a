import type { SendOutcome } from '../../kernel/delivery.ts'
import type { Language } from '../../kernel/language.ts'
import type { Phone } from '../../kernel/address.ts'

/** One text message. */
export interface Sms {
  /** Stable across retries: gateways that can recognise a second copy do so by it. */
  readonly id: string
  readonly to: Phone
  readonly text: string
  /** From 1: which attempt at this message it is. */
  readonly attempt?: number
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
  /** Where there are several behind it: how each fares, in their order. */
  circuits?(): readonly CircuitHealth[]
}

/** How one of several gateways fares. */
export interface CircuitHealth {
  readonly gateway: string
  /** `open`: not asked, for it failed; `half_open`: the next message is its trial. */
  readonly circuit: 'closed' | 'open' | 'half_open'
  readonly failuresInARow: number
  /** What it last failed with; no secret and no full address. */
  readonly lastFailure?: { readonly reason: string; readonly at: Date }
}
