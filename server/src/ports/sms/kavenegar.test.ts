import { describe, expect, it } from 'vitest'
import { selfSignedCertificate, trust } from '../../../test/lookalikes/certificate.ts'
import { startKavenegar } from '../../../test/lookalikes/kavenegar.ts'
import type { KavenegarLookalike, KavenegarReaction } from '../../../test/lookalikes/kavenegar.ts'
import { STATUS_TEXTS } from '../../../test/lookalikes/kavenegar-statuses.ts'
import { closedPort, listenHttp, listenHttps } from '../../../test/lookalikes/loopback.ts'
import { smsWith } from '../../../test/messages.ts'
import { nationalPhone } from '../../kernel/address.ts'
import type { Phone } from '../../kernel/address.ts'
import { milliseconds, seconds } from '../../kernel/duration.ts'
import { createKavenegarGateway } from './kavenegar.ts'
import type { KavenegarGateway, KavenegarSettings } from './kavenegar.ts'

type Server = Pick<KavenegarLookalike, 'url' | 'key'>

const gatewayTo = (
  server: Server,
  settings: Partial<KavenegarSettings> = {},
  timeout = seconds(10),
): KavenegarGateway =>
  createKavenegarGateway(
    { apiKey: server.key, sender: undefined, template: undefined, baseUrl: server.url, ...settings },
    { timeout },
  )

describe('what it asks for', () => {
  it('sends its own text from the chosen line, to the number as Iran writes it', async () => {
    await using server = await startKavenegar()
    const sms = smsWith({ to: '+989123456789' as Phone })
    await gatewayTo(server, { sender: '2000500666' }).send(sms)
    const taken = { receptor: nationalPhone(sms.to), message: sms.text, sender: '2000500666', template: undefined }
    expect(server.sent).toMatchObject([taken])
    expect(server.sent[0]?.receptor).toBe('09123456789')
  })

  it('fills a template with the code, and sends what has no code as text', async () => {
    await using server = await startKavenegar()
    const { code, ...notice } = smsWith({ text: 'your number was changed' })
    const gateway = gatewayTo(server, { template: 'verify' })
    await gateway.send({ ...notice, code: code! })
    await gateway.send({ ...notice, id: 'another' })
    expect(server.sent).toMatchObject([
      { template: 'verify', token: code, message: `Your code: ${code}` },
      { template: undefined, message: 'your number was changed' },
    ])
  })

  it('writes a foreign number with 00', async () => {
    await using server = await startKavenegar()
    const outcome = await gatewayTo(server).send(smsWith({ to: '+442071838750' as Phone }))
    expect(outcome).toMatchObject({ kind: 'recipient_refused' }) // as the look-alike does with all that is not Iranian
  })

  it('gives every message a number of its own that 64 bits and a double can hold', async () => {
    await using server = await startKavenegar()
    const messages = Array.from({ length: 50 }, () => smsWith())
    for (const sms of messages) await gatewayTo(server).send(sms)
    const ids = new Set(server.sent.map(({ localid }) => localid))
    expect(ids.size).toBe(50)
    for (const id of ids) expect(Number.isSafeInteger(Number(id))).toBe(true)
  })

  it('keeps a message id of more than 53 bits exact', async () => {
    const body =
      '{"return":{"status":200,"message":"ok"},"entries":[{"message":"\\"messageid\\":1","messageid":9223372036854775807}]}'
    await using server = await listenHttp((_request, _body, response) => void response.end(body))
    expect(await gatewayTo({ url: server.url, key: 'k' }).send(smsWith())).toEqual({
      kind: 'sent',
      gatewayId: '9223372036854775807',
    })
  })

  it('tells the credit that is left, and why it cannot', async () => {
    await using server = await startKavenegar({ credit: 1000 })
    const gateway = gatewayTo(server)
    await gateway.send(smsWith())
    expect(await gateway.accountInfo()).toEqual({ kind: 'ready', creditRials: 880 })
    expect(await gatewayTo(server, { apiKey: 'wrong' }).accountInfo()).toEqual({
      kind: 'failed',
      reason: 'kavenegar 403: the API key is not valid: check KAVENEGAR_API_KEY',
    })
    server.plan('no_entries')
    expect(await gateway.accountInfo()).toMatchObject({ kind: 'failed' })
  })
})

const EXPECTED: Readonly<Record<string, readonly number[]>> = {
  operator_fault: [
    400, 401, 403, 404, 405, 406, 407, 412, 413, 414, 415, 416, 417, 418, 419, 424, 426, 427, 432, 501, 607,
  ],
  retry: [402, 409, 429, 451],
  recipient_refused: [411],
  message_refused: [420, 422, 428, 431],
}
const ROWS = Object.entries(EXPECTED).flatMap(([kind, statuses]) => statuses.map((status) => ({ status, kind })))

describe.each([true, false])('every status, HTTP status mirrored: %s', (mirror) => {
  it('is in the table', () => {
    const failing = Object.keys(STATUS_TEXTS)
      .map(Number)
      .filter((status) => status !== 200)
    expect(ROWS.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual(failing)
  })

  it.each(ROWS)('$status means $kind', async ({ status, kind }) => {
    await using server = await startKavenegar({ mirror })
    for (const template of [undefined, 'verify']) {
      server.plan(status)
      const outcome = await gatewayTo(server, { template }).send(smsWith())
      expect(outcome).toMatchObject({ kind, reason: expect.stringContaining(`kavenegar ${status}: `) })
      expect('retryAfter' in outcome).toBe(status === 429 || status === 451)
    }
    expect(server.sent).toEqual([])
  })

  it('that nobody knows passes in the 500s and is for the operator otherwise', async () => {
    await using server = await startKavenegar({ mirror })
    server.plan(555)
    server.plan(499)
    const gateway = gatewayTo(server)
    expect(await gateway.send(smsWith())).toMatchObject({ kind: 'retry' })
    expect(await gateway.send(smsWith())).toMatchObject({ kind: 'operator_fault' })
  })

  it('by the rules of the real one: no credit, no such template, a token with a space', async () => {
    await using poor = await startKavenegar({ mirror, credit: 100 })
    expect(await gatewayTo(poor).send(smsWith())).toMatchObject({
      kind: 'operator_fault',
      reason: expect.stringContaining('418'),
    })
    await using server = await startKavenegar({ mirror })
    const send = (template: string, code: string) => gatewayTo(server, { template }).send(smsWith({ code }))
    expect(await send('unheard-of', '123456')).toMatchObject({
      kind: 'operator_fault',
      reason: expect.stringContaining('424'),
    })
    expect(await send('verify', '123 456')).toMatchObject({
      kind: 'message_refused',
      reason: expect.stringContaining('431'),
    })
  })
})

/** What a message becomes by `sms/send`, which may be repeated, and by Verify Lookup, which may not. */
const FAULTS: readonly (readonly [KavenegarReaction, string, string])[] = [
  ['hang', 'retry', 'unknown'],
  ['hang_in_body', 'retry', 'unknown'],
  ['silent', 'retry', 'unknown'],
  ['reset', 'retry', 'unknown'],
  ['cut_in_body', 'retry', 'unknown'],
  ['lost', 'retry', 'unknown'],
  ['html_504', 'retry', 'unknown'],
  ['html', 'retry', 'retry'],
  ['html_500', 'retry', 'retry'],
  ['bad_json', 'retry', 'retry'],
  ['huge', 'retry', 'retry'],
  ['redirect', 'operator_fault', 'operator_fault'],
  ['no_entries', 'sent', 'sent'],
]

describe('an answer that is none', () => {
  it.each(FAULTS)('%s: %s by sms/send, %s by template', async (fault, bySend, byTemplate) => {
    await using server = await startKavenegar()
    const brief = milliseconds(300)
    server.plan(fault, 2)
    expect(await gatewayTo(server, {}, brief).send(smsWith())).toMatchObject({ kind: bySend })
    expect(await gatewayTo(server, { template: 'verify' }, brief).send(smsWith())).toMatchObject({ kind: byTemplate })
  })

  it('lets a message be repeated that was taken all the same: its reader sees it once', async () => {
    await using server = await startKavenegar()
    const sms = smsWith()
    server.plan('lost')
    expect(await gatewayTo(server).send(sms)).toMatchObject({ kind: 'retry' })
    expect(await gatewayTo(server).send(sms)).toMatchObject({ kind: 'sent' })
    expect(server.sent).toHaveLength(1)
  })

  it('is a retry when nothing was sent: refused connection, unknown host', async () => {
    for (const url of [`http://127.0.0.1:${await closedPort()}`, 'http://kavenegar.invalid']) {
      const outcome = await gatewayTo({ url, key: 'k' }, { template: 'verify' }).send(smsWith())
      expect(outcome).toMatchObject({ kind: 'retry', reason: expect.stringContaining('no connection') })
    }
  })

  it('is a retry when a success stands in a failing HTTP answer, since it may be one', async () => {
    await using server = await listenHttp((_request, _body, response) => {
      response.writeHead(500).end('{"return":{"status":200},"entries":null}')
    })
    expect(await gatewayTo({ url: server.url, key: 'k' }).send(smsWith())).toMatchObject({ kind: 'retry' })
    const byTemplate = gatewayTo({ url: server.url, key: 'k' }, { template: 'verify' })
    expect(await byTemplate.send(smsWith())).toMatchObject({ kind: 'unknown' })
  })

  it('comes from a server whose certificate nobody vouches for; one that is trusted is heard', async () => {
    const certificate = selfSignedCertificate()
    await using server = await listenHttps(certificate)
    const gateway = gatewayTo({ url: server.url, key: 'k' })
    const refused = 'kavenegar: its TLS certificate was refused (DEPTH_ZERO_SELF_SIGNED_CERT)'
    expect(await gateway.send(smsWith())).toEqual({ kind: 'operator_fault', reason: refused })
    const distrust = trust(certificate.cert)
    expect(await gateway.send(smsWith())).toMatchObject({ reason: expect.stringContaining('HTTP 200') })
    distrust()
  })

  it('never shows the key, the number or the code', async () => {
    await using server = await startKavenegar()
    const gateway = gatewayTo(server, {}, milliseconds(300))
    const unreachable = gatewayTo({ url: `http://127.0.0.1:${await closedPort()}`, key: server.key })
    const reactions: readonly KavenegarReaction[] = [...FAULTS.map(([fault]) => fault), 403, 411, 418, 424, 555]
    const sms = smsWith()
    const outcomes = [await unreachable.send(sms), await unreachable.accountInfo()]
    for (const reaction of reactions) {
      server.plan(reaction)
      outcomes.push(await gateway.send(sms))
    }
    const told = JSON.stringify(outcomes)
    for (const secret of [server.key, sms.to, nationalPhone(sms.to), sms.code!]) expect(told).not.toContain(secret)
  })
})
