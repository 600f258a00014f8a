import { describe, expect, it } from 'vitest'
import { closedPort } from '../../../test/lookalikes/loopback.ts'
import { startWebhook } from '../../../test/lookalikes/webhook.ts'
import type { WebhookLookalike, WebhookReaction } from '../../../test/lookalikes/webhook.ts'
import { smsWith } from '../../../test/messages.ts'
import { createTurnedClock } from '../../../test/turned-clock.ts'
import { systemClock } from '../../kernel/clock.ts'
import { milliseconds, minutes, seconds } from '../../kernel/duration.ts'
import type { SmsGateway } from './port.ts'
import { createSmsWebhook } from './webhook.ts'

const gatewayTo = (server: Pick<WebhookLookalike, 'url' | 'secret'>, timeout = seconds(10)): SmsGateway =>
  createSmsWebhook({ url: server.url, secret: server.secret }, { clock: systemClock, timeout })

describe('what it posts', () => {
  it('is the whole message, for a gateway of any kind', async () => {
    await using server = await startWebhook()
    const sms = smsWith()
    expect(await gatewayTo(server).send(sms)).toEqual({ kind: 'sent', gatewayId: `gw-msg_${sms.id}` })
    const { to, code, text, template } = sms
    const data = { channel: 'sms', to, code, text, template, lang: 'fa', ref: `msg_${sms.id}` }
    expect(server.messages).toEqual([{ id: `msg_${sms.id}`, data }])
  })

  it.each(['whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD', 'a plain text, with_underscores', 'رمز'])(
    'carries a signature its receiver accepts under the secret %s',
    async (secret) => {
      await using server = await startWebhook({ secret })
      expect(await gatewayTo(server).send(smsWith())).toMatchObject({ kind: 'sent' })
      expect(await gatewayTo({ url: server.url, secret: 'another' }).send(smsWith())).toEqual({
        kind: 'operator_fault',
        reason: 'sms webhook: HTTP 401: check SMS_WEBHOOK_URL and SMS_WEBHOOK_SECRET',
      })
    },
  )

  it('is signed at the moment of each try, so that a late one is no replay', async () => {
    const clock = createTurnedClock()
    await using server = await startWebhook({ clock })
    const gateway = createSmsWebhook({ url: server.url, secret: server.secret }, { clock })
    const sms = smsWith()
    server.plan({ status: 503 })
    expect(await gateway.send(sms)).toMatchObject({ kind: 'retry' })
    clock.turn(minutes(10))
    expect(await gateway.send(sms)).toMatchObject({ kind: 'sent' })
  })
})

describe('what the answer means', () => {
  it.each<[WebhookReaction, object]>([
    [{ status: 204 }, { kind: 'sent' }],
    [{ status: 202, body: 'queued' }, { kind: 'sent' }],
    [
      { status: 200, body: '{"id":7,"cost":120}' },
      { kind: 'sent', gatewayId: '7' },
    ],
    [{ status: 200, body: '{"id":{}}' }, { kind: 'sent' }],
    ['huge', { kind: 'sent' }],
    [{ status: 400 }, { kind: 'message_refused', reason: 'sms webhook: HTTP 400' }],
    [{ status: 422 }, { kind: 'message_refused', reason: 'sms webhook: HTTP 422' }],
    [{ status: 404 }, { kind: 'operator_fault' }],
    [{ status: 410 }, { kind: 'operator_fault' }],
    [{ status: 408 }, { kind: 'retry' }],
    [{ status: 500 }, { kind: 'retry', reason: 'sms webhook: HTTP 500' }],
    [
      { status: 429, headers: { 'retry-after': '17' } },
      { kind: 'retry', retryAfter: seconds(17) },
    ],
    [
      { status: 503, headers: { 'retry-after': 'soon' } },
      { kind: 'retry', reason: 'sms webhook: HTTP 503' },
    ],
    ['html_504', { kind: 'retry' }],
    ['redirect', { kind: 'operator_fault' }],
    ['hang', { kind: 'retry' }],
    ['hang_in_body', { kind: 'retry' }],
    ['reset', { kind: 'retry' }],
    ['cut_in_body', { kind: 'retry' }],
  ])('%j: %j', async (reaction, outcome) => {
    await using server = await startWebhook()
    server.plan(reaction)
    expect(await gatewayTo(server, milliseconds(300)).send(smsWith())).toMatchObject(outcome)
    expect(server.requests).toBe(1)
  })

  it('waits until the date in Retry-After, and never a negative while', async () => {
    const clock = createTurnedClock(new Date('2026-11-22T09:00:00Z'))
    await using server = await startWebhook({ clock })
    const gateway = createSmsWebhook({ url: server.url, secret: server.secret }, { clock })
    const busyUntil = (date: string) => server.plan({ status: 503, headers: { 'retry-after': date } })
    busyUntil('Sun, 22 Nov 2026 09:01:30 GMT')
    busyUntil('Sun, 22 Nov 2026 08:00:00 GMT')
    expect(await gateway.send(smsWith())).toMatchObject({ retryAfter: seconds(90) })
    expect(await gateway.send(smsWith())).toMatchObject({ retryAfter: seconds(0) })
  })

  it('is a retry when nobody is there', async () => {
    const gateway = gatewayTo({ url: `http://127.0.0.1:${await closedPort()}`, secret: 'a secret' })
    expect(await gateway.send(smsWith())).toMatchObject({
      kind: 'retry',
      reason: expect.stringContaining('ECONNREFUSED'),
    })
  })

  it('that got lost does no harm: the copy carries the same webhook-id', async () => {
    await using server = await startWebhook()
    const sms = smsWith()
    server.plan('lost')
    expect(await gatewayTo(server).send(sms)).toMatchObject({ kind: 'retry' })
    expect(await gatewayTo(server).send(sms)).toMatchObject({ kind: 'sent' })
    expect(server.requests).toBe(2)
    expect(server.messages).toHaveLength(1)
  })
})
