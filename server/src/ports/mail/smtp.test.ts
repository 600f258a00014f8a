import { describe, expect, it } from 'vitest'
import { trust } from '../../../test/lookalikes/certificate.ts'
import { startSmtp } from '../../../test/lookalikes/smtp.ts'
import type { SmtpLookalike } from '../../../test/lookalikes/smtp.ts'
import { mailWith } from '../../../test/messages.ts'
import { createTurnedClock } from '../../../test/turned-clock.ts'
import { systemClock } from '../../kernel/clock.ts'
import { seconds } from '../../kernel/duration.ts'
import { systemRandom } from '../../kernel/random.ts'
import { createSmtpGateway } from './smtp.ts'
import type { SmtpGateway, SmtpSettings, SmtpTimeouts } from './smtp.ts'

const PATIENT: SmtpTimeouts = {
  connection: seconds(10),
  greeting: seconds(10),
  silence: seconds(10),
  whole: seconds(10),
}
const password = Buffer.from(systemRandom.bytes(12)).toString('base64url')
const LOGIN = { user: 'sender@gmail.com', password }

function gatewayTo(
  port: number,
  settings: Partial<SmtpSettings> = {},
  timeouts: Partial<SmtpTimeouts> = {},
): SmtpGateway & AsyncDisposable {
  const open = { host: '127.0.0.1', user: undefined, password: undefined, security: 'none' } as const
  const gateway = createSmtpGateway(
    { ...open, from: 'Latchkey <no-reply@example.com>', port, ...settings },
    { clock: systemClock, timeouts: { ...PATIENT, ...timeouts } },
  )
  return { ...gateway, [Symbol.asyncDispose]: () => gateway.close() }
}

const openServer = (): Promise<SmtpLookalike> => startSmtp({ security: 'none' })

describe('what a mail carries', () => {
  it('says that a machine wrote it and keeps codes from being folded together', async () => {
    await using server = await openServer()
    await using gateway = gatewayTo(server.port)
    const mail = mailWith()
    await gateway.send(mail)
    const { headers, messageId, from } = server.messages[0]!
    expect(headers.get('auto-submitted')).toBe('auto-generated')
    expect(headers.get('x-entity-ref-id')).toBe(mail.id)
    expect(headers.has('x-mailer')).toBe(false)
    expect(messageId).toBe(`<${mail.id}@example.com>`)
    expect(from?.text).toBe('"Latchkey" <no-reply@example.com>')
  })

  it('is dated by our clock', async () => {
    await using server = await openServer()
    const clock = createTurnedClock()
    const settings = { host: '127.0.0.1', port: server.port, user: undefined, password: undefined } as const
    const gateway = createSmtpGateway({ ...settings, security: 'none', from: 'a@example.com' }, { clock })
    await gateway.send(mailWith())
    await gateway.close()
    expect(server.messages[0]?.date).toEqual(clock.now())
  })

  it('takes no header and no line from a subject with line breaks', async () => {
    await using server = await openServer()
    await using gateway = gatewayTo(server.port)
    await gateway.send(mailWith({ subject: 'Hello\r\nBcc: thief@example.com\r\n\r\nbody', id: 'a\r\nX-Evil: 1' }))
    const { headers, recipients, source } = server.messages[0]!
    expect(recipients).toEqual(['sara@example.com'])
    expect(headers.has('bcc')).toBe(false)
    expect(source).not.toMatch(/^(?:X-Evil|Bcc)/im)
  })

  it.each([
    'sara@example.com, thief@example.com',
    'sara@example.com\r\nRCPT TO:<thief@example.com>',
    'Sara <sara@example.com>',
    'sara@example.com ',
    'sara',
    '',
  ])('goes to nobody when the address is more than one address: %j', async (to) => {
    await using server = await openServer()
    await using gateway = gatewayTo(server.port)
    expect(await gateway.send(mailWith({ to }))).toMatchObject({ kind: 'recipient_refused' })
    expect(server.connections).toBe(0)
  })

  it('reaches a domain in Persian under its ASCII name', async () => {
    await using server = await openServer()
    await using gateway = gatewayTo(server.port)
    expect(await gateway.send(mailWith({ to: 'sara@مثال.ایران' }))).toMatchObject({ kind: 'sent' })
    expect(server.messages[0]?.source).toMatch(/^To: sara@xn--mgbh0fb\.xn--mgba3a4f16a\r$/m)
    expect(server.messages[0]?.smtpUtf8).toBe(false)
  })

  it('shares a connection with the mails after it', async () => {
    await using server = await openServer()
    await using gateway = gatewayTo(server.port)
    for (let count = 0; count < 3; count += 1) await gateway.send(mailWith())
    expect(server.connections).toBe(1)
  })
})

describe('TLS', () => {
  it.each(['starttls', 'tls'] as const)(
    '%s carries login and mail to a server whose certificate is trusted',
    async (security) => {
      await using server = await startSmtp({ security, login: LOGIN })
      const distrust = trust(server.certificate)
      await using gateway = gatewayTo(server.port, { security, ...LOGIN })
      expect(await gateway.verify()).toEqual({ kind: 'ready' })
      expect(await gateway.send(mailWith())).toMatchObject({ kind: 'sent' })
      distrust()
      expect(server.messages[0]?.secure).toBe(true)
    },
  )

  it.each(['starttls', 'tls'] as const)(
    '%s refuses a certificate nobody vouches for, and says nothing to it',
    async (security) => {
      await using server = await startSmtp({ security, login: LOGIN })
      await using gateway = gatewayTo(server.port, { security, ...LOGIN })
      expect(await gateway.send(mailWith())).toEqual({
        kind: 'operator_fault',
        reason: "smtp: the server's TLS certificate was refused (DEPTH_ZERO_SELF_SIGNED_CERT)",
      })
      expect(server.messages).toEqual([])
    },
  )

  it('is never done without when STARTTLS is required and not offered', async () => {
    await using server = await openServer()
    await using gateway = gatewayTo(server.port, { security: 'starttls' })
    const outcome = await gateway.send(mailWith())
    expect(outcome).toMatchObject({ kind: 'operator_fault', reason: expect.stringContaining('no STARTTLS') })
    expect(server.messages).toEqual([])
  })

  it('from the first byte is not spoken to a server that begins in the clear', async () => {
    await using server = await openServer()
    await using gateway = gatewayTo(server.port, { security: 'tls' })
    expect(await gateway.send(mailWith())).toMatchObject({ kind: 'operator_fault' })
  })
})

describe('the login', () => {
  it('explains what Gmail means by 535, without the account or the password', async () => {
    await using server = await startSmtp({ security: 'none', login: { ...LOGIN, password: `${password}x` } })
    await using gateway = gatewayTo(server.port, LOGIN)
    const reason =
      'smtp: login refused (535 5.7.8): Gmail wants an app password: https://myaccount.google.com/apppasswords'
    expect(await gateway.send(mailWith())).toEqual({ kind: 'operator_fault', reason })
    expect(await gateway.verify()).toEqual({ kind: 'failed', reason })
  })

  it('gives the password as it is, though it look like an app password as Google shows it', async () => {
    const login = { ...LOGIN, password: 'four word pass word' }
    await using server = await startSmtp({ security: 'none', login })
    await using gateway = gatewayTo(server.port, login)
    expect(await gateway.verify()).toEqual({ kind: 'ready' })
  })

  it('names the setting that is missing where the server takes no password in the clear', async () => {
    await using server = await startSmtp({ login: LOGIN })
    await using gateway = gatewayTo(server.port, { ...LOGIN, security: 'none' })
    const reason = 'smtp: login refused (538): the server wants TLS first: set EMAIL_USE_TLS=true'
    expect(await gateway.send(mailWith())).toEqual({ kind: 'operator_fault', reason })
  })

  it('is tried later when there were too many', async () => {
    await using server = await startSmtp({ security: 'none', login: LOGIN })
    await using gateway = gatewayTo(server.port, { ...LOGIN, user: 'too-many@gmail.com' })
    expect(await gateway.send(mailWith())).toMatchObject({ kind: 'retry', reason: expect.stringContaining('454') })
  })

  it("is the operator's matter when the server wants one and none is set", async () => {
    await using server = await startSmtp({ security: 'none', login: LOGIN })
    await using gateway = gatewayTo(server.port)
    expect(await gateway.send(mailWith())).toMatchObject({ kind: 'operator_fault' })
  })
})
