import type { SendOutcome } from '../../kernel/delivery.ts'

/** One mail, complete. Addresses are already parsed; the adapter adds nothing but transport headers. */
export interface Mail {
  /** Stable across retries: gateways and receivers recognise a second copy by it. */
  readonly id: string
  readonly to: string
  readonly subject: string
  readonly text: string
  readonly html: string
  /** For the local inbox, which shows the code large with its remaining life. Gateways do not send these. */
  readonly code?: string
  readonly expiresAt?: Date
}

/** Asks one mail gateway to take a mail. Never throws: what went wrong is a value the outbox decides by. */
export interface MailGateway {
  readonly name: string
  send(mail: Mail): Promise<SendOutcome>
  /** Frees pooled connections. */
  close(): Promise<void>
}
