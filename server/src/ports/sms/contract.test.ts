import { describe, expect, it } from 'vitest'
import { startKavenegar } from '../../../test/lookalikes/kavenegar.ts'
import { startWebhook } from '../../../test/lookalikes/webhook.ts'
import { smsWith } from '../../../test/messages.ts'
import { systemClock } from '../../kernel/clock.ts'
import { createLocalInbox } from '../inbox/memory.ts'
import { createKavenegarGateway } from './kavenegar.ts'
import type { SmsGateway } from './port.ts'
import { createSmsWebhook } from './webhook.ts'

/** A gateway and the eyes of those it sends to: in which form they see numbers, and whether copies are told apart. */
interface Premises extends AsyncDisposable {
  readonly gateway: SmsGateway
  readonly recipient: string
  readonly seesCopies: boolean
  arrived(): readonly { readonly to: string; readonly text: string }[]
}

const kavenegarPremises = (template: string | undefined) => async (): Promise<Premises> => {
  const server = await startKavenegar({ templates: { verify: 'کد تایید: %token' } })
  const settings = { apiKey: server.key, sender: undefined, template, baseUrl: server.url }
  return {
    gateway: createKavenegarGateway(settings),
    recipient: '09123456789',
    seesCopies: template !== undefined, // Verify Lookup takes no id of ours
    arrived: () => server.sent.map(({ receptor, message }) => ({ to: receptor, text: message })),
    [Symbol.asyncDispose]: server.close,
  }
}

async function webhookPremises(): Promise<Premises> {
  const server = await startWebhook()
  return {
    gateway: createSmsWebhook({ url: server.url, secret: server.secret }, { clock: systemClock }),
    recipient: '+989123456789',
    seesCopies: false,
    arrived: () => server.messages.map(({ data }) => ({ to: String(data['to']), text: String(data['text']) })),
    [Symbol.asyncDispose]: server.close,
  }
}

async function inboxPremises(): Promise<Premises> {
  const inbox = createLocalInbox({ clock: systemClock })
  return {
    gateway: inbox.sms,
    recipient: '+989123456789',
    seesCopies: false,
    arrived: () => inbox.messages().toReversed(),
    [Symbol.asyncDispose]: () => inbox.sms.close(),
  }
}

describe.each([
  ['kavenegar', 'by sms/send', kavenegarPremises(undefined)],
  ['kavenegar', 'by template', kavenegarPremises('verify')],
  ['webhook', 'signed', webhookPremises],
  ['inbox', 'in memory', inboxPremises],
] as const)('a message by %s, %s', (name, _way, open) => {
  it('arrives with its code, in Persian, under an id of the gateway', async () => {
    await using premises = await open()
    const sms = smsWith()
    expect(await premises.gateway.send(sms)).toEqual({ kind: 'sent', gatewayId: expect.stringMatching(/./) })
    expect(premises.arrived()).toMatchObject([{ to: premises.recipient, text: sms.text }])
  })

  it('is known for the same one when it is sent again, where the gateway can', async () => {
    await using premises = await open()
    const [sms, another] = [smsWith(), smsWith()]
    for (const one of [sms, another, sms]) expect(await premises.gateway.send(one)).toMatchObject({ kind: 'sent' })
    expect(premises.arrived()).toHaveLength(premises.seesCopies ? 3 : 2)
  })

  it('goes out with others at the same time, none lost', async () => {
    await using premises = await open()
    const messages = Array.from({ length: 20 }, () => smsWith())
    await Promise.all(messages.map((sms) => premises.gateway.send(sms)))
    expect(new Set(premises.arrived().map(({ text }) => text))).toEqual(new Set(messages.map(({ text }) => text)))
  })

  it('names its gateway, which can be closed twice', async () => {
    await using premises = await open()
    expect(premises.gateway.name).toBe(name)
    await premises.gateway.close()
    await premises.gateway.close()
  })
})
