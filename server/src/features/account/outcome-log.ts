import type { FastifyRequest } from 'fastify'
import { maskedAddress } from '../audit/service.ts'

export interface OutcomeLog {
  /** Whether the log says what an answer does not; never in production. */
  readonly logsOutcomes: boolean
}

/**
 * Tells a developer what truly came of a request whose answer is the same for every address, and every operator of an address
 * that is written to no more for now, since somebody may be bombing it; the address masked.
 */
export function logOutcome(
  { logsOutcomes }: OutcomeLog,
  request: FastifyRequest,
  outcome: string,
  address: string,
): void {
  const told = { outcome, address: maskedAddress(address) }
  if (outcome === 'destination_full') request.log.warn(told, 'nothing was sent: the address has had its share')
  else if (logsOutcomes) request.log.info(told, 'what the answer does not tell')
}
