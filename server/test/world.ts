import pino from 'pino'
import { onTestFinished } from 'vitest'
import { compose, type ComposeOptions, type Latchkey } from '../src/compose.ts'
import { readConfig } from '../src/config.ts'
import { systemRandom } from '../src/kernel/random.ts'
import type { InboxMessage } from '../src/ports/inbox/port.ts'
import { type CheckAnswer, checkAnswer, checkerOf, type OpenApi } from './openapi.ts'
import { createTurnedClock, type TurnedClock } from './turned-clock.ts'
import { databaseSettings, IS_ON_POSTGRES } from './world-database.ts'

type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS'

export interface CallOptions {
  /** Sent as JSON. */
  readonly body?: unknown
  /** Access token. */
  readonly token?: string
  readonly headers?: Readonly<Record<string, string>>
  /** The client's address. */
  readonly from?: string
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | number | undefined>>
  /** Parsed where it is JSON, else text. */
  // A test says what it expects of a body and fails where the body differs.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any
  readonly text: string
}

export interface SignedIn {
  readonly id: number
  readonly email: string
  readonly password: string
  readonly access: string
  readonly refresh: string
}

/** The real app on a fresh database (in memory, or where TEST_DATABASE says), with a clock to turn. Closed when the test ends. */
export interface World {
  readonly latchkey: Latchkey
  readonly clock: TurnedClock
  readonly logged: () => string
  /** Asks the app; what it answers is held to `openapi.json`, or to its own document where a setting makes that another. */
  call(method: Method, path: string, options?: CallOptions): Promise<Answer>
  /** Registers and signs in somebody new. */
  signedInUser(email?: string): Promise<SignedIn>
  admin(): Promise<SignedIn>
  signIn(user: { email: string; password: string }): Promise<Answer>
  /** Sends what is due and gives back what the inbox holds for an address, newest first. */
  inbox(to?: string): Promise<readonly InboxMessage[]>
  /** The newest code sent to an address. */
  codeTo(address: string): Promise<string>
}

export const PASSWORD = 'Correct-Horse-7'

/** Where worlds count requests when TEST_REDIS_URL says so; each under a secret of its own, so that none counts for another. */
const { TEST_REDIS_URL } = process.env
const REDIS = TEST_REDIS_URL === undefined ? {} : { REDIS_URL: TEST_REDIS_URL }

/**
 * For a world that stays on SQLite wherever others are: where statements are counted one by one, or as many requests as there
 * are must be at the same point. On PostgreSQL what goes on beside them comes in between.
 */
export const ON_SQLITE = { inMemory: true } as const

export interface WorldOptions {
  readonly settings?: Readonly<Record<string, string>>
  readonly compose?: Partial<Pick<ComposeOptions, 'gateways' | 'beforeStatement' | 'inMemory' | 'random' | 'tracing'>>
}

export async function createWorld({ settings = {}, compose: parts = {} }: WorldOptions = {}): Promise<World> {
  const lines: string[] = []
  const clock = createTurnedClock()
  const isElsewhere = IS_ON_POSTGRES && parts.inMemory === undefined
  const database = isElsewhere ? await databaseSettings() : {}
  const latchkey = await compose({
    config: readConfig({ ...database, ...REDIS, ...settings }).config,
    clock,
    random: systemRandom,
    inMemory: !isElsewhere,
    threadPoolSize: 4,
    logger: pino(
      { level: 'trace', ...(parts.tracing && { mixin: parts.tracing.ids }) },
      { write: (line: string) => lines.push(line) },
    ),
    ...parts,
  })
  onTestFinished(() => latchkey.close())
  const check = 'REGISTRATION' in settings ? await ownChecker(latchkey) : checkAnswer
  return worldOf(latchkey, clock, check, () => lines.join(''))
}

async function ownChecker({ app }: Latchkey): Promise<CheckAnswer> {
  const { payload } = await app.inject({ url: '/api/schema/?format=json', headers: { host: 'localhost:8000' } })
  return checkerOf(JSON.parse(payload) as OpenApi)
}

function worldOf(latchkey: Latchkey, clock: TurnedClock, check: CheckAnswer, logged: () => string): World {
  let count = 0
  const { app, foundation, worker, gateways } = latchkey

  async function call(method: Method, path: string, { body, token, headers, from }: CallOptions = {}): Promise<Answer> {
    const response = await app.inject({
      method,
      url: path,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        host: 'localhost:8000',
        ...headers,
      },
      ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
      ...(from === undefined ? {} : { remoteAddress: from }),
    })
    const isJson = String(response.headers['content-type']).includes('json')
    const { statusCode: status, payload: text } = response
    check(method, path, { status, contentType: String(response.headers['content-type']), text })
    return { status, headers: response.headers, body: isJson && text !== '' ? JSON.parse(text) : text, text }
  }

  async function signedInUser(email = `user${++count}@example.com`): Promise<SignedIn> {
    const registered = await call('POST', '/api/users/', { body: { email, password: PASSWORD } })
    if (registered.status !== 201) throw new Error(`registration answered ${registered.status}: ${registered.text}`)
    const { body } = await call('POST', '/api/token/', { body: { email, password: PASSWORD } })
    return { id: registered.body.id, email, password: PASSWORD, access: body.access, refresh: body.refresh }
  }

  async function inbox(to?: string): Promise<readonly InboxMessage[]> {
    await worker.deliverDue()
    return gateways.inbox?.messages(to) ?? []
  }

  return {
    latchkey,
    clock,
    logged,
    call,
    signedInUser,
    inbox,
    signIn: ({ email, password }) => call('POST', '/api/token/', { body: { email, password } }),
    async admin() {
      const user = await signedInUser()
      const set = { adminSince: clock.now() }
      await foundation.db.updateTable('users').set(set).where('id', '=', user.id).execute()
      return user
    },
    async codeTo(address) {
      const code = (await inbox(address)).find((message) => message.code !== undefined)?.code
      if (code === undefined) throw new Error(`no code was sent to ${address}`)
      return code
    },
  }
}
