import type { InboxShare } from '../ports/inbox/port.ts'

/** The other processes behind the same port, where there are several. */
export interface Siblings {
  readonly inbox: InboxShare
  readonly metrics: MetricsShare
}

/** What `/metrics` adds up, since a request for it lands in one process alone. */
export interface MetricsShare {
  /** What this process measured, whenever one of them asks. */
  answerWith(measure: () => Promise<object[]>): void
  /** What each process measured, this one too; whoever does not answer within a second is left out. */
  gather(): Promise<object[][]>
}
