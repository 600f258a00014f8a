import type { Worker } from 'node:cluster'
import { seconds } from '../kernel/duration.ts'
import { type InboxMessage, KEPT_MESSAGES } from '../ports/inbox/port.ts'
import { send, type ToPrimary } from './wire.ts'

// Beyond what a process waits for its own database while it measures.
const PATIENCE = seconds(1)

/** What one process tells or asks the others, passed on by the first. */
export interface Exchange {
  join(worker: Worker): void
  leave(worker: Worker): void
  hear(from: Worker, message: ToPrimary): void
}

interface Gathering {
  readonly open: Set<Worker>
  readonly all: object[][]
  end(): void
}

export function createExchange(): Exchange {
  const workers = new Set<Worker>()
  const kept: InboxMessage[] = []
  const gatherings = new Map<number, Gathering>()
  let gathered = 0

  function relay(from: Worker, message: InboxMessage): void {
    kept.push(message)
    if (kept.length > KEPT_MESSAGES) kept.shift()
    for (const worker of workers) if (worker !== from) send(worker, { kind: 'inbox', message })
  }

  function gather(from: Worker, asked: number): void {
    const id = ++gathered
    const all: object[][] = []
    const end = (): void => {
      clearTimeout(timer)
      if (gatherings.delete(id)) send(from, { kind: 'measured', asked, all })
    }
    const timer = setTimeout(end, PATIENCE)
    gatherings.set(id, { open: new Set(workers), all, end })
    for (const worker of workers) send(worker, { kind: 'measure', id })
  }

  function answered(gathering: Gathering, from: Worker, metrics?: object[]): void {
    if (metrics) gathering.all.push(metrics)
    if (gathering.open.delete(from) && gathering.open.size === 0) gathering.end()
  }

  return {
    join(worker) {
      workers.add(worker)
      for (const message of kept) send(worker, { kind: 'inbox', message })
    },
    leave(worker) {
      workers.delete(worker)
      for (const gathering of gatherings.values()) answered(gathering, worker)
    },
    hear(from, message) {
      if (message.kind === 'inbox') relay(from, message.message)
      if (message.kind === 'gather') gather(from, message.asked)
      if (message.kind !== 'measure') return
      const gathering = gatherings.get(message.id)
      if (gathering) answered(gathering, from, message.metrics)
    },
  }
}
