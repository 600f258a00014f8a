/**
 * What is counted while the server works, with the words its labels say: few of them, ours, and never a stranger's, so that
 * nobody outside makes a series.
 */
export interface Counted {
  /** Something was put on record. It is told as it is written: what fails afterwards, or is done again, counts too. */
  readonly event: { readonly event: string; readonly result: 'success' | 'failure' }
  readonly sign_in: {
    readonly method: 'password' | 'code' | 'passkey' | 'unknown'
    readonly outcome: 'signed_in' | 'failed'
  }
  readonly second_factor: { readonly method: string; readonly outcome: 'passed' | 'failed' }
  /** A gateway was asked to take a message; `expired`: none took it in time. */
  readonly delivery: { readonly channel: string; readonly gateway: string; readonly outcome: string }
  readonly proof_of_work: { readonly outcome: 'asked' | 'solved'; readonly signal: string }
  readonly sms_decision: { readonly decision: 'allowed' | 'refused'; readonly reason: string; readonly mode: string }
  /** By ten-thousandths of the currency's unit. */
  readonly sms_spent: { readonly country: string }
  readonly timed_job: { readonly job: string; readonly outcome: 'done' | 'failed' }
}

/** Counts one, or `by`. Costs less than a microsecond, and never throws. */
export type Count = <What extends keyof Counted>(what: What, labels: Counted[What], by?: number) => void
