import { after, seconds } from '../kernel/duration.ts'
import type { Call } from './command.ts'

const TOLD_EVERY = seconds(2)

/** A line now and then, on stderr, for whoever waits at a terminal. */
export function progressOf({ json, tools }: Call): (stage: string, done: number, total: number) => void {
  const { clock, complain, isTerminal } = tools
  let toldAt = clock.now()
  return (stage, done, total) => {
    const now = clock.now()
    if (json || !isTerminal || now < after(toldAt, TOLD_EVERY)) return
    toldAt = now
    complain(`${stage}: ${Math.floor((done / Math.max(total, 1)) * 100)} %`)
  }
}
