import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createOutbox, type Outbox } from '../../../test/outbox.ts'
import { openDatabase } from '../../database/open.ts'
import type { SendOutcome } from '../../kernel/delivery.ts'
import { minutes, seconds } from '../../kernel/duration.ts'
import type { Message } from './message.ts'

const rows = (outbox: Outbox) => outbox.db.selectFrom('deliveries').selectAll().execute()

/** Codes in order: `100000`, `100001`, … */
const codes = (count: number): string[] => Array.from({ length: count }, (_, index) => String(100_000 + index))

async function postMails(outbox: Outbox, count: number): Promise<void> {
  await outbox.db.transaction().execute(async (db) => {
    for (const code of codes(count)) await outbox.messages.enqueue(db, outbox.mailWithCode(code), outbox.clock.now())
  })
}

describe('two workers on one outbox', () => {
  // Leave `nextAttemptAt: leasedUntil` out of the claim, and most of the 200 are sent by both.
  it('send each of 200 messages once, over connections of their own', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'latchkey-outbox-'))
    const location = { kind: 'file', path: join(folder, 'test.db') } as const
    const outbox = await createOutbox({ location })
    const second = await openDatabase({ location })
    try {
      await postMails(outbox, 200)
      outbox.mail.answer = async () => {
        await nextTurn() // so that each worker looks while the other is sending
        return { kind: 'sent' }
      }
      const other = outbox.another({ db: second.db })
      await Promise.all([outbox.worker.deliverDue(), other.deliverDue()])
      const sent = outbox.mail.received.map(({ code }) => code)
      expect(sent).toHaveLength(200)
      expect(new Set(sent)).toEqual(new Set(codes(200)))
      expect((await rows(outbox)).every(({ status }) => status === 'sent')).toBe(true)
    } finally {
      await second.close()
      await outbox.close()
      rmSync(folder, { recursive: true })
    }
  })
})

/** An outbox whose database fails where the test says. */
async function breakable(): Promise<{ outbox: Outbox; breakAt: (statement: (sql: string) => boolean) => void }> {
  let broken: (sql: string) => boolean = () => false
  const outbox = await createOutbox({
    beforeStatement(sql) {
      if (broken(sql)) throw new Error('disk full')
    },
  })
  return { outbox, breakAt: (statement) => (broken = statement) }
}

const nthOf = (n: number) => {
  let count = 0
  return () => ++count === n
}

// A worker that dies between sending and recording looks, to the database, like one whose record never arrives.
const isRecord = (sql: string): boolean => sql.startsWith('update "deliveries"') && sql.includes('"attempts" = ?')

const isBurial = (sql: string): boolean => sql.startsWith('update "deliveries"') && sql.includes('expired')

/** A message that outlives many attempts. */
const noticeTo = ({ userId, clock }: Outbox): Message => ({
  kind: 'refresh_token_reused',
  channel: 'email',
  to: 'sara@example.com',
  language: 'en',
  userId,
  facts: { signedInAt: clock.now(), ip: '192.0.2.1' },
})

describe('a worker that dies between sending and recording', () => {
  it('leaves the message to the lease, after which one second copy goes out', async () => {
    const { outbox, breakAt } = await breakable()
    await postMails(outbox, 1)
    breakAt(isRecord)
    await outbox.worker.deliverDue()
    breakAt(() => false)
    outbox.clock.turn(seconds(59))
    await outbox.worker.deliverDue()
    expect(outbox.mail.received).toHaveLength(1)
    outbox.clock.turn(seconds(1))
    await outbox.worker.deliverDue()
    const [first, second] = outbox.mail.received
    expect(second).toEqual(first)
    expect(await rows(outbox)).toMatchObject([{ status: 'sent', attempts: 2 }])
    await outbox.close()
  })

  it('never sends a third copy', async () => {
    const { outbox, breakAt } = await breakable()
    await outbox.post(noticeTo(outbox))
    breakAt(isRecord)
    await outbox.worker.deliverDue()
    for (let round = 0; round < 4; round++) {
      outbox.clock.turn(minutes(1))
      await outbox.worker.deliverDue()
    }
    expect(outbox.mail.received).toHaveLength(2)
    expect(await rows(outbox)).toMatchObject([{ status: 'dead', reason: 'no answer twice; interrupted', sealed: null }])
    await outbox.close()
  })

  // Ask only `buryHopeless`, and what comes to its end between that and the claim is sent by the claim.
  it('never sends a third copy, even when its lease ends just after something was given up', async () => {
    const { outbox, breakAt } = await breakable()
    await outbox.post(noticeTo(outbox))
    breakAt(isRecord)
    await outbox.worker.deliverDue()
    outbox.clock.turn(seconds(60))
    await outbox.worker.deliverDue()
    outbox.clock.turn(seconds(59))
    breakAt((sql) => {
      if (isBurial(sql)) outbox.clock.turn(seconds(1))
      return false
    })
    await outbox.worker.deliverDue()
    expect(outbox.mail.received).toHaveLength(2)
    await outbox.worker.deliverDue()
    expect(await rows(outbox)).toMatchObject([{ status: 'dead', reason: 'no answer twice; interrupted', sealed: null }])
    await outbox.close()
  })

  it.each<SendOutcome>([
    { kind: 'retry', reason: 'busy' },
    { kind: 'maybe_taken', reason: 'no answer' },
  ])('may have sent it, which no later attempt forgets: $kind', async (second) => {
    const { outbox, breakAt } = await breakable()
    await outbox.post(noticeTo(outbox))
    breakAt(isRecord)
    await outbox.worker.deliverDue()
    breakAt(() => false)
    outbox.clock.turn(seconds(60))
    outbox.mail.answer = () => second
    await outbox.worker.deliverDue()
    outbox.mail.answer = () => ({ kind: 'maybe_taken', reason: 'no answer' })
    for (let round = 0; round < 3; round++) {
      outbox.clock.turn(seconds(10))
      await outbox.worker.deliverDue()
    }
    const surelyRefused = second.kind === 'retry' ? 1 : 0
    expect(outbox.mail.received).toHaveLength(2 + surelyRefused)
    expect(await rows(outbox)).toMatchObject([{ status: 'dead', reason: 'no answer twice; maybe_taken: no answer' }])
    await outbox.close()
  })

  it('does not overwrite what the worker after it recorded', async () => {
    const outbox = await createOutbox()
    await postMails(outbox, 1)
    const slow = Promise.withResolvers<{ kind: 'retry'; reason: string }>()
    outbox.mail.answer = () => slow.promise
    const late = outbox.worker.deliverDue()
    while (outbox.mail.received.length === 0) await nextTurn()
    outbox.clock.turn(minutes(1))
    outbox.mail.answer = () => ({ kind: 'sent' })
    await outbox.another().deliverDue()
    slow.resolve({ kind: 'retry', reason: 'too late to matter' })
    await late
    expect(await rows(outbox)).toMatchObject([{ status: 'sent', attempts: 2, sealed: null }])
    await outbox.close()
  })
})

describe('a database that fails at the n-th statement', () => {
  const MESSAGES = 6
  it.each(codes(24).map((_, index) => index + 1))('loses no message and sends none a third time: n = %i', async (n) => {
    const { outbox, breakAt } = await breakable()
    await postMails(outbox, MESSAGES)
    breakAt(nthOf(n))
    await outbox.worker.deliverDue().catch(() => {})
    breakAt(() => false)
    outbox.clock.turn(seconds(60))
    await outbox.worker.deliverDue()
    const sent = outbox.mail.received.map(({ code }) => code)
    expect(new Set(sent)).toEqual(new Set(codes(MESSAGES)))
    expect(sent.length).toBeLessThanOrEqual(MESSAGES + 1)
    expect((await rows(outbox)).every(({ status }) => status === 'sent')).toBe(true)
    await outbox.close()
  })

  it.each([1, 2, 3])('stores either what was committed with its message, or neither: n = %i', async (n) => {
    const { outbox, breakAt } = await breakable()
    breakAt(nthOf(n))
    const stored = await outbox.post(outbox.mailWithCode('274913')).then(
      () => true,
      () => false,
    )
    breakAt(() => false)
    expect(await rows(outbox)).toHaveLength(stored ? 1 : 0)
    await outbox.close()
  })
})
