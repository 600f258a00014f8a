import { describe, expect, it } from 'vitest'
import { closedPort } from '../../../test/lookalikes/loopback.ts'
import { startSmtp } from '../../../test/lookalikes/smtp.ts'
import type { SmtpReaction } from '../../../test/lookalikes/smtp.ts'
import { mailWith } from '../../../test/messages.ts'
import { systemClock } from '../../kernel/clock.ts'
import { milliseconds, seconds } from '../../kernel/duration.ts'
import { createSmtpGateway } from './smtp.ts'
import type { SmtpGateway } from './smtp.ts'
import { smtpFailure } from './smtp-failure.ts'

// Far past what a loaded machine needs for an answer: a time-out would look like the server's refusal.
const PATIENT = { connection: seconds(15), greeting: seconds(15), silence: seconds(15), whole: seconds(15) }

const GREETING = { greeting: milliseconds(200) }
const SILENCE = { silence: milliseconds(300) }
// Enough to hand the mail over even so, and to wait in vain for the answer twice.
const SILENCE_AFTER_THE_MAIL = { silence: seconds(2) }

/** A gateway that gives up nothing soon but what the test is about. */
function gatewayTo(port: number, hasty: Partial<typeof PATIENT> = {}): SmtpGateway & AsyncDisposable {
  const gateway = createSmtpGateway(
    { host: '127.0.0.1', port, user: undefined, password: undefined, security: 'none', from: 'no-reply@example.com' },
    { clock: systemClock, timeouts: { ...PATIENT, ...hasty } },
  )
  return { ...gateway, [Symbol.asyncDispose]: () => gateway.close() }
}

describe('a server that refuses', () => {
  it.each([
    [
      'fail-550@example.com',
      'recipient_refused',
      'smtp: 550 5.1.1 <[address]>: Recipient address rejected: User unknown',
    ],
    ['full-552@example.com', 'recipient_refused', '552'],
    ['greylist-451@example.com', 'retry', 'smtp: 451 4.7.1 <[address]>'],
    ['quota-452@example.com', 'retry', '452 4.2.2'],
    ['later-421@example.com', 'retry', '421'],
    ['login-530@example.com', 'operator_fault', '530'],
    ['sequence-503@example.com', 'retry', '503'],
    ['data-554@example.com', 'message_refused', 'smtp: 554 5.7.1 message content rejected'],
    ['data-451@example.com', 'retry', '451'],
  ])('%s: %s', async (to, kind, reason) => {
    await using server = await startSmtp({ security: 'none' })
    await using gateway = gatewayTo(server.port)
    expect(await gateway.send(mailWith({ to }))).toEqual({ kind, reason: expect.stringContaining(reason) })
    expect(server.messages).toEqual([])
  })

  it('spoils nothing for the next mail', async () => {
    await using server = await startSmtp({ security: 'none' })
    await using gateway = gatewayTo(server.port)
    for (const to of ['fail-550@example.com', 'data-554@example.com', 'reset@example.com']) {
      await gateway.send(mailWith({ to }))
      expect(await gateway.send(mailWith())).toMatchObject({ kind: 'sent' })
    }
  })

  it('by greylisting takes the mail when it comes again', async () => {
    await using server = await startSmtp({ security: 'none' })
    await using gateway = gatewayTo(server.port)
    const mail = mailWith({ to: 'greylist-451@example.com' })
    expect(await gateway.send(mail)).toMatchObject({ kind: 'retry' })
    expect(await gateway.send(mail)).toMatchObject({ kind: 'sent' })
  })
})

describe('a server that is not there', () => {
  it('refuses the connection: the mail is tried again', async () => {
    await using gateway = gatewayTo(await closedPort())
    expect(await gateway.send(mailWith())).toEqual({ kind: 'retry', reason: 'smtp: unavailable (ECONNREFUSED)' })
    expect(await gateway.verify()).toEqual({ kind: 'failed', reason: 'smtp: unavailable (ECONNREFUSED)' })
  })

  it('never greets', async () => {
    await using server = await startSmtp({ security: 'none', greeting: 'silent' })
    await using gateway = gatewayTo(server.port, GREETING)
    expect(await gateway.send(mailWith())).toEqual({ kind: 'retry', reason: 'smtp: unavailable (GREETING_TIMEOUT)' })
  })

  it('is too busy to greet', async () => {
    await using server = await startSmtp({ security: 'none', greeting: 'busy' })
    await using gateway = gatewayTo(server.port)
    expect(await gateway.send(mailWith())).toMatchObject({ kind: 'retry' })
  })

  it.each(['hang@example.com', 'reset@example.com'])('%s goes quiet before it has the mail', async (to) => {
    await using server = await startSmtp({ security: 'none' })
    await using gateway = gatewayTo(server.port, SILENCE)
    for (let attempt = 0; attempt < 3; attempt += 1) {
      expect(await gateway.send(mailWith({ to }))).toMatchObject({ kind: 'retry' })
    }
    expect(server.messages).toEqual([])
  })

  it('has been given up as a whole, not only in its silences', async () => {
    await using server = await startSmtp({ security: 'none', greeting: 'silent' })
    await using gateway = gatewayTo(server.port, { whole: milliseconds(200) })
    expect(await gateway.send(mailWith())).toEqual({ kind: 'retry', reason: 'smtp: unavailable (EABORT)' })
  })

  it('was closed by us', async () => {
    await using server = await startSmtp({ security: 'none' })
    await using gateway = gatewayTo(server.port)
    await gateway.close()
    expect(await gateway.send(mailWith())).toMatchObject({ kind: 'retry' })
  })
})

describe('a mail lost after its final dot', () => {
  it.each(['lost@example.com', 'silent@example.com'])('may have been taken, each time: %s', async (to) => {
    await using server = await startSmtp({ security: 'none' })
    await using gateway = gatewayTo(server.port, SILENCE_AFTER_THE_MAIL)
    const mail = mailWith({ to })
    const outcomes = [await gateway.send(mail), await gateway.send(mail)]
    expect(outcomes.map(({ kind }) => kind)).toEqual(['maybe_taken', 'maybe_taken'])
    expect(outcomes[0]).toMatchObject({ reason: expect.stringContaining('after the mail was handed over') })
    expect(new Set(server.messages.map(({ messageId }) => messageId)).size).toBe(1)
    expect(server.messages).toHaveLength(2)
  })

  it('is one thing, and another mail on a connection the server has closed meanwhile is no such loss', async () => {
    await using server = await startSmtp({ security: 'none' })
    await using gateway = gatewayTo(server.port)
    await gateway.send(mailWith())
    server.plan('reset')
    expect(await gateway.send(mailWith())).toMatchObject({ kind: 'sent' })
    expect(server.messages).toHaveLength(2)
  })
})

describe('a reason', () => {
  const reply = (responseCode: number, response: string, command: string) =>
    Object.assign(new Error('refused'), { responseCode, response, command, code: 'EENVELOPE' })

  it('repeats nothing hidden, whoever echoes it', () => {
    const echo =
      '550-5.1.1 no such user: Sara.K\r\n550 5.1.1 (sara.k@example.com) said hunter2hunter2, code=123456\u0007'
    const { reason } = smtpFailure(reply(550, echo, 'RCPT TO'), ['sara.k', 'hunter2hunter2', '123456', undefined])
    expect(reason).toBe('smtp: 550-5.1.1 no such user: [hidden] 550 5.1.1 [address] said [hidden], code=[hidden]')
  })

  it('is found at once in the longest reply, and holds no half of an address that it was cut in', () => {
    const began = performance.now()
    const far = smtpFailure(reply(550, `550 ${'a'.repeat(500_000)}`, 'RCPT TO'), [])
    const cut = smtpFailure(reply(550, `550 ${' '.repeat(1990)}sara.k@example.com`, 'RCPT TO'), [])
    expect(performance.now() - began).toBeLessThan(5000)
    expect([far.reason, cut.reason]).toEqual(['smtp: 550', 'smtp: 550'])
  })

  it.each([
    ['550 5.4.5 Daily user sending limit exceeded. gsmtp', 'DATA', 'operator_fault'],
    ['554 5.7.1 <x@example.com>: Relay access denied', 'RCPT TO', 'operator_fault'],
    ['550 5.1.1 <relay@example.com>: User unknown', 'RCPT TO', 'recipient_refused'],
    ['550-5.7.26 This mail has been blocked because the sender is unauthenticated.', 'DATA', 'operator_fault'],
    ['553 5.7.1 Sender address rejected: not owned by user', 'MAIL FROM', 'operator_fault'],
    ['552 5.3.4 Message size exceeds fixed limit', 'MAIL FROM', 'message_refused'],
    ['550 5.1.1 no such user', 'DATA', 'recipient_refused'],
    ['550 5.2.1 mailbox disabled', 'DATA', 'recipient_refused'],
    ['554 5.7.1 Blocked: your address is on a list', 'CONN', 'operator_fault'],
    ['454 4.7.0 TLS not available due to temporary reason', 'STARTTLS', 'retry'],
  ])('%s, to %s: %s', (response, command, kind) => {
    expect(smtpFailure(reply(Number(response.slice(0, 3)), response, command), [])).toMatchObject({ kind })
  })

  it.each<[SmtpReaction, string]>([
    [550, 'fail'],
    ['reset', 'reset'],
  ])('never holds the address (%s)', async (reaction) => {
    await using server = await startSmtp({ security: 'none' })
    await using gateway = gatewayTo(server.port)
    server.plan(reaction)
    const outcome = await gateway.send(mailWith({ to: 'very.private@example.com' }))
    expect(JSON.stringify(outcome)).not.toContain('private')
  })
})
