import { afterEach, describe, expect, it, vi } from 'vitest'
import { createOutbox, type Outbox } from '../../../test/outbox.ts'
import type { SendOutcome } from '../../kernel/delivery.ts'
import { days, minutes, seconds } from '../../kernel/duration.ts'
import { systemRandom } from '../../kernel/random.ts'
import { createSecret } from '../../kernel/secret.ts'
import type { PasswordMail } from './message.ts'

const open: Outbox[] = []
afterEach(async () => {
  for (const outbox of open.splice(0)) await outbox.close()
})

async function outboxOf(...args: Parameters<typeof createOutbox>): Promise<Outbox> {
  const outbox = await createOutbox(...args)
  open.push(outbox)
  return outbox
}

const rows = (outbox: Outbox) => outbox.db.selectFrom('deliveries').selectAll().orderBy('id').execute()

describe('the worker', () => {
  it('sends a mail as it was written, and wipes it from the row', async () => {
    const outbox = await outboxOf()
    await outbox.post(outbox.mailWithCode('274913'))
    await outbox.worker.deliverDue()
    const [row] = await rows(outbox)
    expect(outbox.mail.received).toMatchObject([{ id: row?.id, to: 'sara@example.com', code: '274913' }])
    expect(outbox.mail.received[0]?.text).toContain('274913')
    expect(row).toMatchObject({ status: 'sent', sealed: null, attempts: 1, gateway: 'kept-mail', leasedUntil: null })
  })

  it('sends an SMS with its template and language, its moment a moment again', async () => {
    const outbox = await outboxOf()
    await outbox.post(outbox.smsWithCode('274913'))
    await outbox.worker.deliverDue()
    expect(outbox.sms.received).toMatchObject([
      {
        to: '+989123456789',
        template: 'verification_code',
        language: 'en',
        expiresAt: new Date('2026-11-22T09:02:00Z'),
      },
    ])
  })

  it('sends nothing that a transaction took back', async () => {
    const outbox = await outboxOf()
    const taken = outbox.db.transaction().execute(async (db) => {
      await outbox.messages.enqueue(db, outbox.mailWithCode('274913'), outbox.clock.now())
      throw new Error('changed its mind')
    })
    await expect(taken).rejects.toThrow('changed its mind')
    await outbox.worker.deliverDue()
    expect(outbox.mail.received).toEqual([])
  })

  it('keeps no readable code, address or text in the row', async () => {
    const outbox = await outboxOf()
    await outbox.post(outbox.mailWithCode('274913'))
    const [row] = await rows(outbox)
    const stored = `${JSON.stringify(row)}${Buffer.from(row?.sealed ?? []).toString('latin1')}`
    for (const secret of ['274913', 'sara', 'example.com']) expect(stored).not.toContain(secret)
  })

  it('writes neither codes nor addresses to the log, whatever happens', async () => {
    const outbox = await outboxOf()
    outbox.mail.answer = ({ to }) => Promise.reject(new Error(`no way to ${to}`))
    outbox.sms.answer = () => ({ kind: 'message_refused', reason: 'spam' })
    await outbox.post(outbox.mailWithCode('274913'))
    await outbox.post(outbox.smsWithCode('274913'))
    await outbox.worker.deliverDue()
    expect(outbox.logged.length).toBeGreaterThan(2)
    for (const secret of ['274913', 'sara', '9123456789']) expect(JSON.stringify(outbox.logged)).not.toContain(secret)
  })

  it('writes neither the code nor the link of a password mail to row or log', async () => {
    const outbox = await outboxOf()
    outbox.mail.answer = () => ({ kind: 'retry', reason: '451 greylisted' })
    const link = 'http://localhost:8000/password/reset/#hZ0ytAFyQnP1'
    await outbox.post({ ...outbox.mailWithCode('K7QJX2MNVPTA'), kind: 'password_reset', link } as PasswordMail)
    await outbox.worker.deliverDue()
    const [mail] = outbox.mail.received
    expect([mail?.code, mail?.text.includes('#hZ0ytAFyQnP1\n')]).toEqual(['K7QJX2MNVPTA', true])
    const [row] = await rows(outbox)
    const kept = JSON.stringify([row, outbox.logged]) + Buffer.from(row?.sealed ?? []).toString('latin1')
    for (const secret of ['K7QJ', 'hZ0y', 'sara']) expect(kept).not.toContain(secret)
  })

  it('tries again, later each time, what was surely not accepted', async () => {
    const outbox = await outboxOf()
    outbox.mail.answer = () => ({ kind: 'retry', reason: '451 greylisted' })
    await outbox.post(outbox.mailWithCode('274913'))
    await outbox.worker.deliverDue()
    expect((await rows(outbox))[0]).toMatchObject({ status: 'queued', attempts: 1, reason: 'retry: 451 greylisted' })
    outbox.mail.answer = () => ({ kind: 'sent', gatewayId: 'abc' })
    outbox.clock.turn(seconds(2))
    await outbox.worker.deliverDue()
    expect((await rows(outbox))[0]).toMatchObject({ status: 'sent', attempts: 2, gatewayId: 'abc' })
  })

  it('does not return before the gateway said it may', async () => {
    const outbox = await outboxOf()
    outbox.mail.answer = () => ({ kind: 'retry', reason: 'slow down', retryAfter: seconds(30) })
    await outbox.post(outbox.mailWithCode('274913'))
    await outbox.worker.deliverDue()
    outbox.clock.turn(seconds(29))
    await outbox.worker.deliverDue()
    expect(outbox.mail.received).toHaveLength(1)
    outbox.clock.turn(seconds(1))
    await outbox.worker.deliverDue()
    expect(outbox.mail.received).toHaveLength(2)
  })

  it('does not send a code that has expired, and says so', async () => {
    const outbox = await outboxOf()
    await outbox.post(outbox.mailWithCode('274913'))
    outbox.clock.turn(minutes(2))
    await outbox.worker.deliverDue()
    expect(outbox.mail.received).toEqual([])
    expect((await rows(outbox))[0]).toMatchObject({ status: 'dead', reason: 'expired', sealed: null })
  })

  it('gives up at the deadline even when the gateway asks for more time, and keeps the last reason', async () => {
    const outbox = await outboxOf()
    outbox.mail.answer = () => ({ kind: 'retry', reason: 'closed today', retryAfter: days(1) })
    await outbox.post(outbox.mailWithCode('274913'))
    await outbox.worker.deliverDue()
    outbox.clock.turn(minutes(2))
    await outbox.worker.deliverDue()
    expect((await rows(outbox))[0]).toMatchObject({
      status: 'dead',
      reason: 'expired; retry: closed today',
      sealed: null,
    })
  })

  it('gives up a message whose channel has lost its gateway, at its deadline', async () => {
    const outbox = await outboxOf()
    const mailOnly = outbox.another({ gateways: { email: outbox.mail } })
    await outbox.post(outbox.smsWithCode('274913'))
    await mailOnly.deliverDue()
    expect((await rows(outbox))[0]).toMatchObject({ status: 'queued', attempts: 0 })
    outbox.clock.turn(minutes(2))
    await mailOnly.deliverDue()
    expect((await rows(outbox))[0]).toMatchObject({ status: 'dead', reason: 'expired' })
  })

  it.each<SendOutcome>([
    { kind: 'recipient_refused', reason: 'no such mailbox' },
    { kind: 'message_refused', reason: 'spam' },
    { kind: 'operator_fault', reason: 'wrong password' },
    { kind: 'unknown', reason: 'no answer' },
  ])('never repeats a message whose outcome was $kind, and keeps the reason', async (outcome) => {
    const outbox = await outboxOf()
    outbox.mail.answer = () => outcome
    await outbox.post(outbox.mailWithCode('274913'))
    await outbox.worker.deliverDue()
    outbox.clock.turn(seconds(90))
    await outbox.worker.deliverDue()
    expect(outbox.mail.received).toHaveLength(1)
    const reason = outcome.kind === 'sent' ? '' : `${outcome.kind}: ${outcome.reason}`
    expect((await rows(outbox))[0]).toMatchObject({ status: 'dead', sealed: null, reason })
  })

  it('takes a gateway that throws for one whose answer is unknown', async () => {
    const outbox = await outboxOf()
    outbox.mail.answer = () => Promise.reject(new TypeError('cannot read'))
    await outbox.post(outbox.mailWithCode('274913'))
    await outbox.worker.deliverDue()
    expect((await rows(outbox))[0]).toMatchObject({
      status: 'dead',
      reason: 'unknown: the gateway failed in the middle',
    })
  })

  it('tells the operator of his fault once a minute, and until a message leaves again', async () => {
    const outbox = await outboxOf()
    const loud = () => outbox.logged.filter(({ level, reason }) => level === 50 && reason === '535 app password')
    const sendOne = async (answer: SendOutcome) => {
      outbox.mail.answer = () => answer
      await outbox.post(outbox.mailWithCode('274913'))
      await outbox.worker.deliverDue()
    }
    const fault: SendOutcome = { kind: 'operator_fault', reason: '535 app password' }
    await sendOne(fault)
    await sendOne(fault)
    expect(loud()).toHaveLength(1)
    outbox.clock.turn(minutes(1))
    await sendOne(fault)
    expect(loud()).toHaveLength(2)
    const at = outbox.clock.now()
    expect(outbox.worker.health().email).toEqual({
      gateway: 'kept-mail',
      operatorFault: { reason: '535 app password', at },
    })
    await sendOne({ kind: 'sent' })
    expect(outbox.worker.health()).toEqual({ email: { gateway: 'kept-mail' }, sms: { gateway: 'kept-sms' } })
  })

  it('goes on with the other channel, and with the next mails, while one mail hangs', async () => {
    const outbox = await outboxOf()
    const hanging = Promise.withResolvers<SendOutcome>()
    outbox.mail.answer = ({ code }) => (code === '111111' ? hanging.promise : { kind: 'sent' })
    for (const code of ['111111', '222222', '333333']) await outbox.post(outbox.mailWithCode(code))
    await outbox.post(outbox.smsWithCode('444444'))
    const done = outbox.worker.deliverDue()
    await vi.waitFor(async () => expect((await rows(outbox)).filter(({ status }) => status === 'sent')).toHaveLength(3))
    await outbox.post(outbox.mailWithCode('555555'))
    const again = outbox.worker.deliverDue()
    await vi.waitFor(() => expect(outbox.mail.received.map(({ code }) => code)).toContain('555555'))
    hanging.resolve({ kind: 'sent' })
    await Promise.all([done, again])
    expect((await rows(outbox)).map(({ status }) => status)).toEqual(Array.from({ length: 5 }, () => 'sent'))
  })

  it('gives up a message sealed under another key, and goes on with the rest', async () => {
    const outbox = await outboxOf()
    await outbox.post(outbox.mailWithCode('111111'))
    await outbox.another({ secret: createSecret(systemRandom.bytes(32)) }).deliverDue()
    outbox.clock.turn(seconds(1))
    await outbox.post(outbox.mailWithCode('222222'))
    await outbox.worker.deliverDue()
    expect(outbox.mail.received.map(({ code }) => code)).toEqual(['222222'])
    const [unreadable, sent] = await rows(outbox)
    expect(unreadable).toMatchObject({ status: 'dead', sealed: null })
    expect(unreadable?.reason).toContain('unreadable')
    expect(sent?.status).toBe('sent')
  })

  it('opens no message that was moved to another row', async () => {
    const outbox = await outboxOf()
    await outbox.post(outbox.mailWithCode('111111'))
    outbox.clock.turn(seconds(1))
    await outbox.post(outbox.mailWithCode('222222'))
    const [victim, thief] = await rows(outbox)
    await outbox.db.updateTable('deliveries').set({ sealed: victim!.sealed }).where('id', '=', thief!.id).execute()
    await outbox.worker.deliverDue()
    expect(outbox.mail.received.map(({ code }) => code)).toEqual(['111111'])
  })

  it('sends nothing twice and nothing early when the clock is turned back', async () => {
    const outbox = await outboxOf()
    await outbox.post(outbox.mailWithCode('111111'))
    outbox.mail.answer = () => ({ kind: 'retry', reason: 'busy' })
    await outbox.worker.deliverDue()
    outbox.clock.turn(days(-1))
    await outbox.worker.deliverDue()
    expect(outbox.mail.received).toHaveLength(1)
    outbox.mail.answer = () => ({ kind: 'sent' })
    outbox.clock.turn(days(1))
    outbox.clock.turn(seconds(2))
    await outbox.worker.deliverDue()
    await outbox.worker.deliverDue()
    expect(outbox.mail.received).toHaveLength(2)
  })
})

describe('a started worker', () => {
  it('sends at once when woken, and by itself what another process stored', async () => {
    const outbox = await outboxOf()
    outbox.worker.start()
    await outbox.post(outbox.mailWithCode('111111'))
    outbox.messages.wake()
    await vi.waitFor(() => expect(outbox.mail.received).toHaveLength(1))
    await outbox.post(outbox.mailWithCode('222222'))
    await vi.waitFor(() => expect(outbox.mail.received).toHaveLength(2), { timeout: 10_000 })
  })

  it('finishes what it has in hand when stopped, and leaves the rest queued', async () => {
    const outbox = await outboxOf()
    const slow = Promise.withResolvers<SendOutcome>()
    outbox.mail.answer = () => slow.promise
    for (let i = 0; i < 10; i++) await outbox.post(outbox.mailWithCode('111111'))
    outbox.worker.start()
    await vi.waitFor(() => expect(outbox.mail.received.length).toBeGreaterThan(0))
    const stopped = outbox.worker.stop()
    slow.resolve({ kind: 'sent' })
    await stopped
    const statuses = (await rows(outbox)).map(({ status }) => status)
    expect(statuses.filter((status) => status === 'sent')).toHaveLength(outbox.mail.received.length)
    expect(statuses).toContain('queued')
  })

  it('forgets finished messages after 30 days, and no sooner', async () => {
    const outbox = await outboxOf()
    await outbox.post(outbox.mailWithCode('111111'))
    await outbox.worker.deliverDue()
    outbox.clock.turn(days(29))
    await outbox.post(outbox.mailWithCode('222222'))
    await outbox.worker.deliverDue()
    outbox.clock.turn(days(2))
    outbox.worker.start()
    await vi.waitFor(async () => expect(await rows(outbox)).toHaveLength(1))
  })
})
