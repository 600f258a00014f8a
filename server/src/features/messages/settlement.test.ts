import { assert, integer, nat, property } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { days, hours, seconds } from '../../kernel/duration.ts'
import type { Random } from '../../kernel/random.ts'
import type { Claim } from './outbox.ts'
import { settlementOf } from './settlement.ts'

const NOW = new Date('2026-11-22T09:00:00Z')
const FAR = new Date('2027-11-22T09:00:00Z')

const claimOf = (attempts: number, deadline = FAR): Claim => ({
  id: 'x',
  channel: 'email',
  template: 'verification_code',
  sealed: null,
  attempts,
  deadline,
  maybeTakenAt: null,
})

/** The generator's two ends: what full jitter may come to at the least and at the most. */
const end = (pick: (min: number, max: number) => number): Random => ({ bytes: () => new Uint8Array(), integer: pick })
const shortest = end((min) => min)
const longest = end((_, max) => max)

const RETRY = { kind: 'retry', reason: 'busy' } as const

function waitAfter(attempts: number, random: Random): number {
  const settlement = settlementOf(RETRY, claimOf(attempts), NOW, random)
  if (settlement.status !== 'queued') throw new Error(`not queued: ${settlement.status}`)
  return settlement.nextAttemptAt.getTime() - NOW.getTime()
}

describe('what an outcome means for a delivery', () => {
  it('waits within a window that doubles from two seconds to two hours, from its very beginning', () => {
    expect([1, 2, 3, 4].map((attempts) => waitAfter(attempts, longest))).toEqual([2, 4, 8, 16].map(seconds))
    expect(waitAfter(19, longest)).toBe(hours(2))
    expect(waitAfter(19, shortest)).toBe(0)
  })

  it('gives up after twenty attempts and says what the last one met', () => {
    expect(settlementOf(RETRY, claimOf(20), NOW, longest)).toEqual({ status: 'dead', reason: 'gave up; retry: busy' })
  })

  it('never waits past the deadline, nor less than the gateway asked for before it', () => {
    assert(
      property(integer({ min: 1, max: 19 }), nat(days(2)), nat(days(1)), (attempts, left, asked) => {
        const deadline = new Date(NOW.getTime() + left)
        const outcome = { ...RETRY, retryAfter: seconds(asked / 1000) }
        const settlement = settlementOf(outcome, claimOf(attempts, deadline), NOW, longest)
        if (settlement.status !== 'queued') throw new Error('given up')
        expect(settlement.nextAttemptAt.getTime()).toBeLessThanOrEqual(deadline.getTime())
        expect(settlement.nextAttemptAt.getTime()).toBeGreaterThanOrEqual(
          Math.min(NOW.getTime() + asked, deadline.getTime()),
        )
      }),
    )
  })

  it('tries once more what may have been taken, and never after that', () => {
    const outcome = { kind: 'maybe_taken', reason: 'lost' } as const
    const reason = 'maybe_taken: lost'
    const first = settlementOf(outcome, claimOf(1), NOW, shortest)
    expect(first).toEqual({ status: 'queued', nextAttemptAt: NOW, reason, maybeTakenAt: NOW })
    const second = settlementOf(outcome, { ...claimOf(3), maybeTakenAt: NOW }, NOW, shortest)
    expect(second).toEqual({ status: 'dead', reason: `no answer twice; ${reason}` })
  })

  it('keeps of an endless reason what a row can bear', () => {
    const settlement = settlementOf({ kind: 'unknown', reason: 'a'.repeat(10_000) }, claimOf(1), NOW, longest)
    expect(settlement).toMatchObject({ status: 'dead' })
    expect(JSON.stringify(settlement).length).toBeLessThan(400)
  })
})
