import type { SendOutcome } from '../../kernel/delivery.ts'
import { createCircuit, type CircuitDeps } from './circuit.ts'
import type { SmsGateway } from './port.ts'

// Each may be a text message on the bill, and on somebody's telephone at night.
const MOST_SENDS = 3
// The third is kept for an attempt a moment later, when what failed may have passed.
const MOST_AT_ONCE = 2

/**
 * Several gateways as one, in the order they are given. The next is asked only when the one before surely did not take the
 * message; what may have been accepted is `unknown`, and goes to no other and to none again. A message is handed over at most
 * three times, over all gateways and attempts. A gateway that fails is passed over (see `createCircuit`), unless all do.
 */
export function createFailover(gateways: readonly SmsGateway[], deps: CircuitDeps): SmsGateway {
  const circuits = gateways.map((gateway) => ({ name: gateway.name, ...createCircuit(gateway, deps) }))
  return {
    name: gateways.map(({ name }) => name).join(','),
    async send(sms) {
      const now = deps.clock.now()
      const usable = circuits.filter(({ isUsable }) => isUsable(now))
      const asked = (usable.length > 0 ? usable : circuits).slice(0, sendsAt(sms.attempt ?? 1, circuits.length))
      const refusals: SendOutcome[] = []
      for (const { name, send } of asked) {
        const outcome = await send(sms)
        if (outcome.kind === 'sent') return { ...outcome, gateway: name }
        if (mayBeAccepted(outcome)) return { kind: 'unknown', reason: outcome.reason }
        refusals.push(outcome)
      }
      return mostHopeful(refusals) ?? { kind: 'message_refused', reason: `not accepted in ${MOST_SENDS} sends` }
    },
    async close() {
      await Promise.all(gateways.map((gateway) => gateway.close()))
    },
    circuits: () => circuits.map(({ health }) => health(deps.clock.now())),
  }
}

/** How many gateways an attempt may ask, so that all attempts together make no more than three sends. */
function sendsAt(attempt: number, gateways: number): number {
  const first = Math.min(MOST_AT_ONCE, gateways)
  if (attempt === 1) return first
  return first + attempt - 1 <= MOST_SENDS ? 1 : 0
}

type NotSent = Exclude<SendOutcome, { kind: 'sent' }>

const mayBeAccepted = (outcome: NotSent): boolean =>
  outcome.kind === 'unknown' ||
  outcome.kind === 'maybe_taken' ||
  (outcome.kind === 'retry' && outcome.isPerhapsAccepted === true)

/** What passes by itself, else what the operator can mend, else what the last of them said. */
const mostHopeful = (refusals: readonly SendOutcome[]): SendOutcome | undefined =>
  refusals.find(({ kind }) => kind === 'retry') ??
  refusals.find(({ kind }) => kind === 'operator_fault') ??
  refusals.at(-1)
