import type { FastifyRequest } from 'fastify'
import type { Database } from '../../database/schema.ts'
import { type Email, parseEmail } from '../../kernel/address.ts'
import type { Clock } from '../../kernel/clock.ts'
import { invalid, Refusal } from '../../kernel/refusal.ts'
import { emailColumns, isEmailTaken, type MailboxRule } from '../users/service.ts'

const TAKEN = { email: [{ id: 'fault.email_taken' }] } as const

export const emailTaken = () => invalid(TAKEN)

/**
 * Refuses a body its schema found at fault, telling beside those faults that the address in it is taken: all at once, as DRF
 * does. For routes with `attachValidation`. A body without fault passes; there the row decides when it is written.
 */
export async function refuseFaultyBody(
  { db, mailboxes, clock }: { readonly db: Database; readonly mailboxes: MailboxRule; readonly clock: Clock },
  { validationError, body }: FastifyRequest,
  exceptId?: number,
): Promise<void> {
  if (!validationError) return
  const faults = validationError instanceof Refusal ? validationError.details.faults : undefined
  if (!faults || !(await isTaken(db, mailboxes, body, clock.now(), exceptId))) throw validationError
  throw invalid({ ...TAKEN, ...faults })
}

async function isTaken(db: Database, rule: MailboxRule, body: unknown, now: Date, exceptId?: number): Promise<boolean> {
  const email = emailIn(body)
  return email !== undefined && isEmailTaken(db, emailColumns(rule, email), now, exceptId)
}

/** The address in a body, whether or not the rest of it is in order. */
export function emailIn(body: unknown): Email | undefined {
  const typed = (body as { email?: unknown } | null)?.email
  return typeof typed === 'string' ? parseEmail(typed) : undefined
}
