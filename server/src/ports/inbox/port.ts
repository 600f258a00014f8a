/** A mail or SMS that stayed here instead of leaving, as its reader would have seen it. */
export interface InboxMessage {
  readonly id: string
  readonly channel: 'email' | 'sms'
  readonly to: string
  /** Undefined for an SMS, as is `html`. */
  readonly subject: string | undefined
  readonly text: string
  readonly html: string | undefined
  /** Undefined for a message that carries none, as is `expiresAt`. */
  readonly code: string | undefined
  readonly expiresAt: Date | undefined
  readonly sentAt: Date
}

/** How many messages an inbox keeps, the newest: a page to scroll, and a bound for what a load test leaves in memory. */
export const KEPT_MESSAGES = 200

/** Where several processes serve, any of them sends and any is asked: each keeps what all of them sent. */
export interface InboxShare {
  tell(message: InboxMessage): void
  hear(keep: (message: InboxMessage) => void): void
}

/** What the local inbox holds: for developers and their tests, never in production. */
export interface Inbox {
  /** Newest first; only those to `to`, when given (letter case aside). */
  messages(to?: string): readonly InboxMessage[]
}
