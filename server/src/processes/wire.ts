import type { Worker } from 'node:cluster'
import type { Reading } from '../config.ts'
import type { InboxMessage } from '../ports/inbox/port.ts'
import type { ReadyFacts } from '../ready.ts'

/** What the first process and those it started tell each other. It goes by a pipe between them and by no file. */

/** What a process is started for. Given rather than read again, so that all of them run with the same settings. */
export interface Task {
  readonly reading: Reading
  readonly threadPoolSize: number
  readonly withoutWorker: boolean
}

export type ToChild =
  | { readonly kind: 'serve'; readonly task: Task }
  | { readonly kind: 'stop' }
  | { readonly kind: 'inbox'; readonly message: InboxMessage }
  | { readonly kind: 'measure'; readonly id: number }
  | { readonly kind: 'measured'; readonly asked: number; readonly all: readonly object[][] }

export type ToPrimary =
  | { readonly kind: 'listening'; readonly facts: ReadyFacts }
  /** It ends; in words for the operator. */
  | { readonly kind: 'failed'; readonly why: string }
  | { readonly kind: 'inbox'; readonly message: InboxMessage }
  | { readonly kind: 'gather'; readonly asked: number }
  | { readonly kind: 'measure'; readonly id: number; readonly metrics: object[] }

/** To whoever is at the other end, if anybody still is. */
export function send(worker: Worker, message: ToChild | ToPrimary): void {
  if (worker.isConnected()) worker.send(message)
}
