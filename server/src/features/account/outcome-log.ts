import type { FastifyRequest } from 'fastify'
import { maskedAddress } from '../audit/service.ts'

export interface OutcomeLog {
  /** Whether the log says what an answer does not; never in production. */
  readonly logsOutcomes: boolean
}

/** Tells a developer what truly came of a request whose answer is the same for every address; the address masked. */
export function logOutcome(
  { logsOutcomes }: OutcomeLog,
  request: FastifyRequest,
  outcome: string,
  address: string,
): void {
  if (logsOutcomes) request.log.info({ outcome, address: maskedAddress(address) }, 'what the answer does not tell')
}
