import { type Email, mailboxKey } from '../../kernel/address.ts'
import { days, hours } from '../../kernel/duration.ts'
import type { Limiter, Rate } from '../../ports/limiter/port.ts'

// Five an hour and ten a day: more than anyone needs who reads his mail, too few to flood a stranger's.
const RATES: readonly (readonly [scope: string, rate: Rate])[] = [
  ['destination_hour', { quota: 5, period: hours(1) }],
  ['destination_day', { quota: 10, period: days(1) }],
]

/** What codes are counted by: the mailbox they end up in, so that no other spelling of its address has a budget of its own. */
export const destinationOf = (channel: 'email' | 'phone', to: string): string =>
  channel === 'email' ? mailboxKey(to as Email) : to

/** How many codes one address is sent, whoever asks. */
export interface DestinationLimits {
  /**
   * Counts a code to this address. Gives undefined when it may be sent, else the seconds until the next may. The verified
   * owner of an address has a budget apart, so that strangers cannot use it up.
   */
  take(address: string, isVerifiedOwner: boolean): Promise<number | undefined>
}

export function createDestinationLimits(limiter: Limiter, isOn: boolean): DestinationLimits {
  return {
    async take(address, isVerifiedOwner) {
      if (!isOn) return undefined
      const key = `${isVerifiedOwner ? 'owner' : 'stranger'}:${address}`
      for (const [scope, rate] of RATES) {
        const { allowed, resetSeconds } = await limiter.take(scope, key, rate)
        if (!allowed) return resetSeconds
      }
      return undefined
    },
  }
}
