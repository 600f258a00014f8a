import type { Database } from '../../database/schema.ts'
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

/** How many codes one address is sent, whoever asks, in all processes, and whether or not they start anew. */
export interface DestinationLimits {
  /**
   * Counts a code to this address. Gives undefined when it may be sent, else the seconds until the next may. The verified
   * owner of an address has a budget apart, so that strangers cannot use it up. Takes the transaction that stores the code,
   * and its user's row first where it holds one: so that of two who wait for each other there are never two.
   */
  take(db: Database, address: string, isVerifiedOwner: boolean, now: Date): Promise<number | undefined>
}

/** `limiterOn` counts in the database, on the handle it is given. */
export function createDestinationLimits(
  limiterOn: (db: Database, now: Date) => Limiter,
  isOn: boolean,
): DestinationLimits {
  return {
    async take(db, address, isVerifiedOwner, now) {
      if (!isOn) return undefined
      const limiter = limiterOn(db, now)
      const key = `${isVerifiedOwner ? 'owner' : 'stranger'}:${address}`
      for (const [scope, rate] of RATES) {
        const { allowed, resetSeconds } = await limiter.take(scope, key, rate)
        if (!allowed) return resetSeconds
      }
      return undefined
    },
  }
}
