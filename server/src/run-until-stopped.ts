import pino, { type Logger } from 'pino'
import type { Tracing } from './kernel/tracing.ts'

const STOP_SIGNALS = ['SIGTERM', 'SIGINT'] as const

/** The first signal to stop. A second one meets no listener, and so ends the process at once. */
export function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const stop = (signal: NodeJS.Signals) => {
      for (const each of STOP_SIGNALS) process.removeListener(each, stop)
      resolve(signal)
    }
    for (const each of STOP_SIGNALS) process.on(each, stop)
  })
}

/** Ends the process at the next signal to stop, which its exit tells, once `first` is done. */
export function endOnNextSignal(first: () => void): void {
  for (const each of STOP_SIGNALS) {
    process.once(each, () => {
      first()
      process.kill(process.pid, each)
    })
  }
}

/**
 * Ends the process now that all of ours is closed. A gateway that never answers would keep it for as long as its time-outs,
 * and its message is in the outbox all the same.
 */
export const endProcess = (): never => process.exit()

// Lines that wait while whoever reads them stands still; past it the newest are dropped, since memory is the server's.
const MAX_LOG_WAITING = 16 * 1024 * 1024

// POSIX promises for a pipe that so many bytes written at once stay together (PIPE_BUF).
const WRITTEN_WHOLE = 4096

interface LogOptions {
  readonly isAlone?: boolean
  /** Lines written while a span is active name it. */
  readonly tracing?: Tracing | undefined
}

/**
 * JSON lines on stdout. What nobody caught is a fault of ours: it is logged, and ends the process with exit code 1. Where
 * several processes write to the same stdout (not `isAlone`), their lines stay whole.
 */
export function createLogger(level: string, { isAlone = true, tracing }: LogOptions = {}): Logger {
  // Not in the request's own time: a line written at once costs as much as all else in a cheap request. Lines leave in order
  // as soon as the last write is done; a fatal one, and the ordinary end of the process, wait for them all.
  const whole = isAlone ? {} : { maxWrite: WRITTEN_WHOLE }
  const destination = pino.destination({ sync: false, maxLength: MAX_LOG_WAITING, ...whole })
  const logger = pino({ level, ...(tracing && { mixin: tracing.ids }) }, destination)
  process.on('uncaughtException', (err, origin) => {
    logger.fatal({ err, origin }, 'a fault nobody caught; the process ends')
    process.exit(1)
  })
  return logger
}
