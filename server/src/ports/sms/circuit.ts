import type { Clock } from '../../kernel/clock.ts'
import type { SendOutcome } from '../../kernel/delivery.ts'
import { after, seconds } from '../../kernel/duration.ts'
import type { CircuitHealth, Sms, SmsGateway } from './port.ts'

// Five in a row are no accident of one number or one lost packet.
const OPEN_AFTER = 5
// A code lives two minutes: what failed for half a minute is worth another try within them.
const PAUSE = seconds(30)

/** One of several gateways, and whether it is worth asking. */
export interface Circuit {
  /** False while it is open, and while its one trial is under way. */
  isUsable(now: Date): boolean
  send(sms: Sms): Promise<SendOutcome>
  health(now: Date): CircuitHealth
}

export interface CircuitDeps {
  readonly clock: Clock
  /** Told each time a circuit opens. */
  readonly onOpen: (gateway: string, reason: string) => void
}

/**
 * Opens after five failures in a row, and at once at a fault that only the operator can mend; half a minute later one message
 * is its trial. A refusal of one number or text is none of its failures: whoever refuses is there.
 */
export function createCircuit(gateway: SmsGateway, { clock, onOpen }: CircuitDeps): Circuit {
  const { name } = gateway
  let failuresInARow = 0
  let lastFailure: CircuitHealth['lastFailure']
  let openUntil: Date | undefined
  let isOnTrial = false

  const circuitAt = (now: Date): CircuitHealth['circuit'] => {
    if (openUntil === undefined) return 'closed'
    return isOnTrial || now < openUntil ? 'open' : 'half_open'
  }

  function note(outcome: SendOutcome, now: Date): void {
    if (!isFailure(outcome)) {
      failuresInARow = 0
      openUntil = undefined
      return
    }
    failuresInARow++
    lastFailure = { reason: outcome.reason, at: now }
    if (failuresInARow < OPEN_AFTER && outcome.kind !== 'operator_fault' && openUntil === undefined) return
    openUntil = after(now, PAUSE)
    onOpen(name, outcome.reason)
  }

  return {
    isUsable: (now) => circuitAt(now) !== 'open',
    async send(sms) {
      isOnTrial = openUntil !== undefined
      const outcome = await gateway.send(sms).finally(() => {
        isOnTrial = false
      })
      note(outcome, clock.now())
      return outcome
    },
    health(now) {
      const health = { gateway: name, circuit: circuitAt(now), failuresInARow }
      return lastFailure ? { ...health, lastFailure } : health
    },
  }
}

type Failure = Extract<SendOutcome, { kind: 'retry' | 'operator_fault' | 'maybe_taken' | 'unknown' }>

const isFailure = (outcome: SendOutcome): outcome is Failure =>
  ['retry', 'operator_fault', 'maybe_taken', 'unknown'].includes(outcome.kind)
