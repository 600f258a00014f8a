import pino from 'pino'
import { compose, type Latchkey } from '../../src/compose.ts'
import { readConfig } from '../../src/config.ts'
import { systemRandom } from '../../src/kernel/random.ts'
import { createTurnedClock } from '../turned-clock.ts'
import { UNLIMITED } from '../unlimited.ts'

/** One request of someone who wants to know whether an address has an account. */
export interface Question {
  readonly method?: 'POST' | 'PATCH'
  readonly path: string
  readonly body: object
  readonly token?: string
}

export interface Reply {
  readonly status: number
  // A case reads what it needs of it.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any
  readonly milliseconds: number
}

/** The real app on a database in memory, with everything counted that is counted by address, and nothing refused for it. */
export interface Target {
  readonly latchkey: Latchkey
  ask(question: Question): Promise<Reply>
}

// Counted, as in production, and never reached: what a counter costs is measured with the rest.
const COUNTED = { THROTTLE_LOGIN: '1000000/min', THROTTLE_OTP_SEND: '1000000/min', THROTTLE_OTP_VERIFY: '1000000/min' }

export async function createTarget(settings: Readonly<Record<string, string>>): Promise<Target> {
  const latchkey = await compose({
    config: readConfig({ ...UNLIMITED, ...COUNTED, ...settings }).config,
    clock: createTurnedClock(),
    random: systemRandom,
    inMemory: true,
    threadPoolSize: 4,
    logger: pino({ level: 'silent' }),
  })
  return { latchkey, ask: (question) => ask(latchkey, question) }
}

async function ask({ app }: Latchkey, { method = 'POST', path, body, token }: Question): Promise<Reply> {
  const headers = { host: 'localhost:8000', ...(token !== undefined && { authorization: `Bearer ${token}` }) }
  const before = performance.now()
  const response = await app.inject({ method, url: path, headers, payload: body })
  const milliseconds = performance.now() - before
  return { status: response.statusCode, body: response.json(), milliseconds }
}
