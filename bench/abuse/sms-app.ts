import pino from 'pino'
import { compose, type Latchkey } from '../../server/src/compose.ts'
import { readConfig } from '../../server/src/config.ts'
import { systemRandom } from '../../server/src/kernel/random.ts'
import type { SmsGateway } from '../../server/src/ports/sms/port.ts'
import { createTurnedClock, type TurnedClock } from '../../server/test/turned-clock.ts'

/** An answer of the app. */
interface Answer {
  readonly status: number
  /** Of a success; what is not asked for is not looked at. */
  readonly body: { readonly id: number; readonly access: string; readonly refresh: string }
}

/** The real app on a database in memory, with a gateway that takes everything and a clock to turn. */
export interface SmsApp {
  readonly latchkey: Latchkey
  readonly clock: TurnedClock
  call(method: 'POST' | 'PATCH', path: string, body: object, given?: { from?: string; token?: string }): Promise<Answer>
  /** Sends what is due; the code last sent to a number, once. */
  codeTo(phone: string): Promise<string | undefined>
}

export async function createSmsApp(settings: Readonly<Record<string, string>>): Promise<SmsApp> {
  const clock = createTurnedClock()
  const codes = new Map<string, string | undefined>()
  const latchkey = await compose({
    config: readConfig(settings).config,
    clock,
    random: systemRandom,
    inMemory: true,
    threadPoolSize: 4,
    logger: pino({ level: 'silent' }),
    gateways: { sms: gatewayInto(codes) },
  })
  return {
    latchkey,
    clock,
    async call(method, path, body, { from = '192.0.2.1', token } = {}) {
      const headers = { host: 'localhost', ...(token && { authorization: `Bearer ${token}` }) }
      const response = await latchkey.app.inject({ method, url: path, headers, payload: body, remoteAddress: from })
      return { status: response.statusCode, body: response.json<Answer['body']>() }
    },
    async codeTo(phone) {
      await latchkey.worker.deliverDue()
      const code = codes.get(phone)
      codes.delete(phone)
      return code
    },
  }
}

const gatewayInto = (codes: Map<string, string | undefined>): SmsGateway => ({
  name: 'look-alike',
  async send({ to, code }) {
    codes.set(to, code)
    return { kind: 'sent' }
  },
  async close() {},
})
