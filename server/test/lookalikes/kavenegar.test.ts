import { describe, expect, it } from 'vitest'
import { seconds } from '../../src/kernel/duration.ts'
import { createTurnedClock } from '../turned-clock.ts'
import { startKavenegar } from './kavenegar.ts'
import type { KavenegarLookalike } from './kavenegar.ts'
import { listenHttp } from './loopback.ts'

interface Envelope {
  readonly return: { readonly status: number; readonly message: string }
  readonly entries: readonly { readonly messageid: number; readonly status: number }[] | null
}

async function call(server: KavenegarLookalike, method: string, form: Record<string, string>): Promise<Envelope> {
  const body = new URLSearchParams(form)
  const response = await fetch(`${server.url}/v1/${server.key}/${method}.json`, { method: 'POST', body })
  return (await response.json()) as Envelope
}

const receptor = '09123456789'

describe('the Kavenegar look-alike', () => {
  it.each<[string, Record<string, string>, number]>([
    ['sms/send', { message: 'x' }, 400],
    ['sms/send', { receptor, message: '' }, 413],
    ['sms/send', { receptor, message: 'x'.repeat(901) }, 413],
    ['sms/send', { receptor: '+442071838750', message: 'x' }, 411],
    ['sms/send', { receptor: Array.from({ length: 201 }, () => receptor).join(), message: 'x' }, 414],
    ['sms/send', { receptor, message: 'x', sender: 'Latchkey' }, 412],
    ['sms/send', { receptor, message: 'x', localid: '9223372036854775808' }, 400],
    ['verify/lookup', { receptor, token: '123456' }, 400],
    ['verify/lookup', { receptor, token: '', template: 'verify' }, 406],
    ['verify/lookup', { receptor, token: '123456', template: 'unknown' }, 424],
    ['verify/lookup', { receptor, token: '123456', template: 'tokenless' }, 432],
    ['verify/lookup', { receptor, token: '12 34', template: 'verify' }, 431],
    ['verify/lookup', { receptor, token: 'abc', template: 'verify', type: 'call' }, 428],
    ['sms/select', { messageid: '1' }, 407],
    ['sms/unheard-of', {}, 404],
  ])('checks parameters: %s %j gets %i', async (method, form, status) => {
    await using server = await startKavenegar({
      mirror: false,
      templates: { verify: 'code %token', tokenless: 'no code here' },
    })
    const envelope = await call(server, method, form)
    expect(envelope).toMatchObject({ return: { status }, entries: null })
    expect(server.sent).toEqual([])
  })

  it('takes a GET with a query as it takes a form, and no other key', async () => {
    await using server = await startKavenegar()
    const query = String(new URLSearchParams({ receptor, message: 'x' }))
    expect((await fetch(`${server.url}/v1/${server.key}/sms/send.json?${query}`)).status).toBe(200)
    expect((await fetch(`${server.url}/v1/0123/sms/send.json?${query}`)).status).toBe(403)
    const sent = (await (await fetch(`${server.url}/__sent`)).json()) as unknown[]
    expect(sent).toHaveLength(1)
  })

  it('delivers by its clock', async () => {
    const clock = createTurnedClock()
    await using server = await startKavenegar({ clock })
    const { entries } = await call(server, 'sms/send', { receptor, message: 'x', localid: '7' })
    const messageid = String(entries![0]!.messageid)
    const progress = []
    for (const wait of [0, 10, 30]) {
      clock.turn(seconds(wait))
      progress.push((await call(server, 'sms/status', { messageid })).entries![0]!.status)
    }
    expect(progress).toEqual([1, 5, 10])
    const byLocalId = await call(server, 'sms/statuslocalmessageid', { localid: '7,8' })
    expect(byLocalId.entries).toMatchObject([{ status: 10 }, { status: 100 }])
  })

  it('reports deliveries where it is told to', async () => {
    const reported = Promise.withResolvers<string>()
    await using panel = await listenHttp((_request, body, response) => {
      reported.resolve(body)
      response.end()
    })
    await using server = await startKavenegar({ callbackUrl: panel.url })
    const { entries } = await call(server, 'sms/send', { receptor, message: 'x' })
    expect(await reported.promise).toBe(`messageid=${entries![0]!.messageid}&status=10`)
  })
})
