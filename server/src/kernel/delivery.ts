import type { Duration } from './duration.ts'

/** What became of asking a gateway, mail or SMS, to take a message. `reason` holds no secret and no full address. */
export type SendOutcome =
  | { readonly kind: 'sent'; readonly gatewayId?: string; readonly gateway?: string }
  /**
   * Not accepted for a passing cause, or perhaps accepted (`isPerhapsAccepted`) where a second copy does no harm (the
   * gateway recognises it, or it is the only one): try again, not before `retryAfter` when the gateway named one.
   */
  | {
      readonly kind: 'retry'
      readonly reason: string
      readonly retryAfter?: Duration
      readonly isPerhapsAccepted?: true
    }
  /** The address itself is wrong or unreachable: the user's matter, no use in trying again. */
  | { readonly kind: 'recipient_refused'; readonly reason: string }
  /** The gateway's account or our settings are wrong: the operator's matter; loud in the log and in /readyz detail. */
  | { readonly kind: 'operator_fault'; readonly reason: string }
  /** The gateway refuses this very message for good. */
  | { readonly kind: 'message_refused'; readonly reason: string }
  /**
   * Sent off, no answer came, and readers know a second copy for one: tried once more in a message's life, never twice,
   * whichever worker and whatever gateway comes next.
   */
  | { readonly kind: 'maybe_taken'; readonly reason: string }
  /** Sent off, no answer came: it may have been accepted, so it is never repeated blindly. */
  | { readonly kind: 'unknown'; readonly reason: string }
