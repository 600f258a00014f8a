import { setTimeout } from 'node:timers/promises'
import type { Violations } from './invariants.ts'
import type { Round } from './ledger.ts'
import type { Records } from './records.ts'

const PROMPT_SECONDS = 10

/** Stored with the code and not after it: whatever was answered with "sent" is in the outbox or has left. */
export async function unsentCodes(records: Records, { persons }: Round): Promise<Violations> {
  const violations: Violations = []
  for (const { id = 0, email, codesSent } of persons.filter(({ deletion }) => deletion === 'no')) {
    for (const channel of ['email', 'phone'] as const) {
      const stored = await records.rows(
        `select id from deliveries where user_id = ? and channel = ? and template = 'verification_code'`,
        id,
        channel === 'email' ? 'email' : 'sms',
      )
      if (stored.length < codesSent[channel])
        violations.push(`${email}: ${stored.length} of ${codesSent[channel]} codes by ${channel} stored`)
    }
  }
  return violations
}

/** What no dead worker had in hand is sent at once after the restart. */
export async function unsentMessages(records: Records): Promise<Violations> {
  const waiting = () => records.rows(`select id from deliveries where status = 'queued' and leased_until is null`)
  let rows = await waiting()
  for (let look = 0; look < PROMPT_SECONDS * 20 && rows.length > 0; look++) {
    await setTimeout(50)
    rows = await waiting()
  }
  return rows.map(({ id }) => `message ${id} was not sent after the restart`)
}

/** What is still queued after so many seconds; none are looked for where there is no time. */
export async function settleMessages(
  records: Records,
  waitSeconds: number,
  say: (line: string) => void,
): Promise<Violations> {
  const queued = () => records.rows(`select id from deliveries where status = 'queued'`)
  let rows = await queued()
  for (let look = 0; look < waitSeconds * 4 && rows.length > 0; look++) {
    await setTimeout(250)
    rows = await queued()
  }
  const counts = await records.rows('select status, reason, count(*) as count from deliveries group by status, reason')
  say(counts.map(({ status, reason, count }) => `${count} messages ${status} ${reason ?? ''}`).join('; '))
  return waitSeconds === 0 ? [] : rows.map(({ id }) => `message ${id} is still queued after its lease`)
}
