import type { Phone } from '../../kernel/address.ts'
import { type Duration, minutes } from '../../kernel/duration.ts'
import type { Limiter } from '../../ports/limiter/port.ts'
import type { Purpose } from './challenges.ts'

/** Who asks for what, without a session. */
export interface Asking {
  readonly purpose: Purpose
  /** What whoever asks is counted by: `networkOf` his address. */
  readonly network: string
  /** Where a code is to go by SMS. */
  readonly phone?: Phone | undefined
  /** Whether he showed the value of a device that has signed in to the account he names; absent where there is none yet. */
  readonly isKnownDevice?: () => Promise<boolean>
}

/** One reason to ask for a proof. */
export interface Signal {
  /** For the log. */
  readonly name: string
  /** 0 while all is calm; each step more doubles the work. Asked once a request, which it may count. */
  levelOf(asking: Asking, now: Date): Promise<number>
}

/** Past this no signal rises: what a proof may cost is bounded. */
const MOST_STEPS = 5

/**
 * In the order they are told of in the log; the highest counts. Of one network a person or a small office asks so seldom; a
 * service where more than sixty in five minutes come and go by themselves pays by the easiest proof, a fraction of a second.
 */
export const signalsOf = (limiter: Limiter): readonly Signal[] => [
  rising(limiter, 'network_rate', ({ network }) => network, { calm: 3, period: minutes(10) }),
  rising(limiter, 'overall_rate', () => 'all', { calm: 60, period: minutes(5) }),
  UNKNOWN_DEVICE,
]

interface Calm {
  /** So many a period need no proof. */
  readonly calm: number
  readonly period: Duration
}

/** One step past the calm rate, and one more each time the rate doubles. */
function rising(limiter: Limiter, name: string, keyOf: (asking: Asking) => string, { calm, period }: Calm): Signal {
  return {
    name,
    async levelOf(asking) {
      // Each step counts only what the one before had no room for: calm times cost one count.
      for (let step = 0; step < MOST_STEPS; step++) {
        const quota = step === 0 ? calm : calm * 2 ** (step - 1)
        const { allowed } = await limiter.take(`proof_${name}_${step}`, keyOf(asking), { quota, period })
        if (allowed) return step
      }
      return MOST_STEPS
    },
  }
}

/** Where there is an account to have a device. A known one never comes here: nobody asks it for a proof. */
const UNKNOWN_DEVICE: Signal = {
  name: 'unknown_device',
  levelOf: async ({ isKnownDevice }) => (isKnownDevice ? 1 : 0),
}

// As much as when a rate has doubled twice: whoever pumps a range has it in his hands and means to ask often.
const POORLY_PROVEN_STEPS = 3

/** Codes to the range of a number go out and are not typed in. */
export const conversionSignal = (isPoorlyProven: (phone: Phone, now: Date) => Promise<boolean>): Signal => ({
  name: 'low_conversion',
  levelOf: async ({ phone }, now) => (phone && (await isPoorlyProven(phone, now)) ? POORLY_PROVEN_STEPS : 0),
})
