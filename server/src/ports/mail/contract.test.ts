import { describe, expect, it } from 'vitest'
import { startSmtp } from '../../../test/lookalikes/smtp.ts'
import { mailWith } from '../../../test/messages.ts'
import { systemClock } from '../../kernel/clock.ts'
import { createLocalInbox } from '../inbox/memory.ts'
import type { Mail, MailGateway } from './port.ts'
import { createSmtpGateway } from './smtp.ts'

/** A gateway and the eyes of those it sends to. `id` is what tells a reader that two copies are one mail. */
interface Premises extends AsyncDisposable {
  readonly gateway: MailGateway
  arrived(): readonly (Pick<Mail, 'to' | 'subject' | 'text' | 'html'> & { readonly id: string })[]
}

async function smtpPremises(): Promise<Premises> {
  const server = await startSmtp({ security: 'none' })
  const settings = { host: '127.0.0.1', port: server.port, user: undefined, password: undefined }
  const gateway = createSmtpGateway(
    { ...settings, security: 'none', from: 'Latchkey <no-reply@example.com>' },
    { clock: systemClock },
  )
  return {
    gateway,
    arrived: () =>
      server.messages.map(({ recipients, subject = '', text = '', html, messageId = '' }) => ({
        to: recipients.join(),
        subject,
        text: text.trim(),
        html: String(html).trim(),
        id: messageId,
      })),
    async [Symbol.asyncDispose]() {
      await gateway.close()
      await server.close()
    },
  }
}

async function inboxPremises(): Promise<Premises> {
  const inbox = createLocalInbox({ clock: systemClock })
  return {
    gateway: inbox.mail,
    arrived: () => inbox.messages().map((message) => ({ ...message, subject: message.subject!, html: message.html! })),
    [Symbol.asyncDispose]: () => inbox.mail.close(),
  }
}

describe.each([
  ['smtp', smtpPremises],
  ['inbox', inboxPremises],
])('a mail by %s', (name, open) => {
  it('arrives as it was written, in Persian, in both parts', async () => {
    await using premises = await open()
    const mail = mailWith()
    expect(await premises.gateway.send(mail)).toMatchObject({ kind: 'sent', gatewayId: expect.any(String) })
    const { to, subject, text, html } = mail
    expect(premises.arrived()).toMatchObject([{ to, subject, text, html }])
  })

  it('is known for the same one when it is sent again', async () => {
    await using premises = await open()
    const [mail, another] = [mailWith(), mailWith()]
    for (const one of [mail, another, mail]) await premises.gateway.send(one)
    expect(new Set(premises.arrived().map(({ id }) => id)).size).toBe(2)
  })

  it('goes out with others at the same time, none lost', async () => {
    await using premises = await open()
    const mails = Array.from({ length: 20 }, () => mailWith())
    const outcomes = await Promise.all(mails.map((mail) => premises.gateway.send(mail)))
    expect(outcomes.filter(({ kind }) => kind === 'sent')).toHaveLength(20)
    expect(new Set(premises.arrived().map(({ subject }) => subject))).toEqual(
      new Set(mails.map((mail) => mail.subject)),
    )
  })

  it('names its gateway, which can be closed twice', async () => {
    await using premises = await open()
    expect(premises.gateway.name).toBe(name)
    await premises.gateway.close()
    await premises.gateway.close()
  })
})
