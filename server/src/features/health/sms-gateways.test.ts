import { expect, it, onTestFinished } from 'vitest'
import { PHONE, sendCode, setPhone } from '../../../test/codes.ts'
import { startKavenegar } from '../../../test/lookalikes/kavenegar.ts'
import { startWebhook } from '../../../test/lookalikes/webhook.ts'
import { createTurnedClock } from '../../../test/turned-clock.ts'
import { createWorld } from '../../../test/world.ts'

const TOKEN = 'x'.repeat(32)

/** A server with two gateways, the first of which has no credit left. */
async function createPair() {
  const first = await startKavenegar({ credit: 0 })
  // At the hour of the world: a receiver minds the time.
  const second = await startWebhook({ clock: createTurnedClock() })
  onTestFinished(() => first.close())
  onTestFinished(() => second.close())
  const settings = {
    KAVENEGAR_API_KEY: first.key,
    KAVENEGAR_BASE_URL: first.url,
    SMS_WEBHOOK_URL: second.url,
    SMS_WEBHOOK_SECRET: second.secret,
    METRICS_TOKEN: TOKEN,
  }
  return { world: await createWorld({ settings }), second }
}

it('a code that the first gateway refuses leaves by the second, and /readyz and /metrics tell how both fare', async () => {
  const { world, second } = await createPair()
  const user = await world.signedInUser()
  await setPhone(world, user)
  await sendCode(world, user, 'phone')
  await world.latchkey.worker.deliverDue()
  expect(second.messages.map(({ data }) => data['to'])).toEqual([PHONE])
  const sent = await world.latchkey.foundation.db
    .selectFrom('deliveries')
    .select(['status', 'gateway'])
    .where('channel', '=', 'sms')
    .execute()
  expect(sent).toEqual([{ status: 'sent', gateway: 'webhook' }])
  const { body } = await world.call('GET', '/readyz')
  expect(body.gateways.sms).toEqual({
    gateway: 'kavenegar,webhook',
    circuits: [
      {
        gateway: 'kavenegar',
        circuit: 'open',
        failures_in_a_row: 1,
        last_failure: { reason: expect.stringContaining('418'), at: world.clock.now().toISOString() },
      },
      { gateway: 'webhook', circuit: 'closed', failures_in_a_row: 0 },
    ],
  })
  const metrics = await world.call('GET', '/metrics', { headers: { authorization: `Bearer ${TOKEN}` } })
  expect(metrics.text).toContain('latchkey_sms_gateway_up{gateway="kavenegar"} 0')
  expect(metrics.text).toContain('latchkey_sms_gateway_up{gateway="webhook"} 1')
  expect(world.logged()).toContain('an SMS gateway fails')
  expect(world.logged()).toContain('"gateway":"webhook","outcome":"sent"')
})

it('of an only gateway /metrics tells, too, whether it complains of what only the operator can mend', async () => {
  const gateway = await startKavenegar({ credit: 0 })
  onTestFinished(() => gateway.close())
  const kavenegar = { KAVENEGAR_API_KEY: gateway.key, KAVENEGAR_BASE_URL: gateway.url }
  const world = await createWorld({ settings: { ...kavenegar, METRICS_TOKEN: TOKEN } })
  const up = async () => {
    const { text } = await world.call('GET', '/metrics', { headers: { authorization: `Bearer ${TOKEN}` } })
    return /latchkey_sms_gateway_up\{gateway="kavenegar"\} (\d)/.exec(text)?.[1]
  }
  expect(await up()).toBe('1')
  const user = await world.signedInUser()
  await setPhone(world, user)
  await sendCode(world, user, 'phone')
  await world.latchkey.worker.deliverDue()
  expect(await up()).toBe('0')
})
