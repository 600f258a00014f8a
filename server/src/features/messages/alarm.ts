import type { Logger } from 'pino'
import { after, minutes } from '../../kernel/duration.ts'

const LOUD_EVERY = minutes(1)

/** How a channel's gateway fares, for the operator. Holds no secret and no address. */
export interface ChannelHealth {
  readonly gateway: string
  /** The gateway's last complaint that only the operator can mend; gone once a message is sent. */
  readonly operatorFault?: { readonly reason: string; readonly at: Date }
}

/** Tells the operator of faults that are his to mend: in the log at most once a minute, and for as long as they last. */
export interface Alarm {
  raise(reason: string, now: Date): void
  clear(): void
  health(): ChannelHealth
}

export function createAlarm(gateway: string, log: Pick<Logger, 'error'>): Alarm {
  let operatorFault: ChannelHealth['operatorFault']
  let quietUntil: Date | undefined
  return {
    raise(reason, now) {
      operatorFault = { reason, at: now }
      if (quietUntil && now < quietUntil) return
      quietUntil = after(now, LOUD_EVERY)
      log.error({ gateway, reason }, 'messages cannot be sent until the operator mends this')
    },
    clear() {
      operatorFault = undefined
    },
    health: () => (operatorFault ? { gateway, operatorFault } : { gateway }),
  }
}
