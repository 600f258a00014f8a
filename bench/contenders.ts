import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { type Child, startChild } from './child.ts'
import { type Answer, get, getWith, post } from './load.ts'
import {
  addressOf,
  PASSWORD,
  registerPeople,
  sendJson,
  signIn,
  signInAll,
  signInRequest,
  type Tokens,
} from './people.ts'

export const OPERATIONS = ['me', 'verify', 'refresh', 'list', 'sign-in'] as const
export type Operation = (typeof OPERATIONS)[number]

/** How one does an operation: what is asked of which of his processes. */
export interface Doing {
  readonly child: Child
  readonly next: (connection: number, last?: Answer) => Buffer
}

export interface Contender {
  readonly name: string
  /** How it does what; an operation it does not know is not there. */
  readonly does: Readonly<Partial<Record<Operation, Doing>>>
  readonly child: Child
  /** Processes that work for it and were not started by it: its database, its Redis. */
  readonly helpers: readonly number[]
  /** Starts another of its kind on the same data, the first one having ended. */
  readonly restart: () => Promise<Child>
  stop(): Promise<void>
}

export const CONNECTIONS = 16

const THROTTLES = ['ANON', 'USER', 'LOGIN', 'REGISTER', 'REFRESH', 'OTP_SEND', 'OTP_VERIFY', 'RESET']
const UNTHROTTLED = Object.fromEntries(THROTTLES.map((name) => [`THROTTLE_${name}`, 'off']))

/** The least there is: what each of our routes is compared with, as a GET or a POST with the same header and body. */
export async function bareFastify(): Promise<Contender> {
  const start = (): Promise<Child> => startChild('bare.ts', { NODE_ENV: 'production' })
  const child = await start()
  const token = 'x'.repeat(700) // as long as an access token
  const asGet = { child, next: () => get('/', token) }
  const asPost = { child, next: () => post('/', { token }) }
  return {
    name: 'bare Fastify',
    does: { me: asGet, verify: asPost, refresh: asPost, list: asGet },
    child,
    helpers: [],
    restart: start,
    stop: () => child.stop(),
  }
}

export interface Place {
  readonly name: string
  readonly settings: Readonly<Record<string, string>>
  readonly helpers?: readonly number[]
  /** Runs a statement on the database. */
  readonly run?: (statement: string) => Promise<void>
}

/** Latchkey as `npm start` has it, its throttles off, on the data that `settings` name. */
export async function latchkey({ name, settings, helpers = [] }: Place): Promise<Contender> {
  const env = { ...UNTHROTTLED, LOG_LEVEL: 'fatal', ...settings }
  const start = (): Promise<Child> => startChild('../server/src/main.ts', env)
  const child = await start()
  // The first of them signs in no more: past 50 sessions the others' oldest ones end. He is the admin.
  await registerPeople(child.port, CONNECTIONS + 1)
  await makeAdmin(env, addressOf(0))
  const { access } = await signIn(child.port, addressOf(0))
  const sessions = await signInAll(child.port, CONNECTIONS + 1)
  return {
    name,
    does: {
      me: { child, next: () => get('/api/users/me/', access) },
      verify: { child, next: () => post('/api/token/verify/', { token: access }) },
      refresh: { child, next: (connection, last) => rotate(sessions[connection + 1]!, last) },
      list: { child, next: () => get('/api/users/?limit=10', access) },
      'sign-in': { child, next: (connection) => signInRequest((connection % CONNECTIONS) + 1) },
    },
    child,
    helpers,
    restart: start,
    stop: () => child.stop(),
  }
}

/** Each connection has a session of its own and goes on with the token it was given, so that every request rotates. */
function rotate(session: Tokens, last: Answer | undefined): Buffer {
  if (last) session.refresh = (JSON.parse(last.body) as Tokens).refresh
  return post('/api/token/refresh/', { refresh: session.refresh })
}

async function makeAdmin(env: Readonly<Record<string, string>>, email: string): Promise<void> {
  const cli = join(import.meta.dirname, '../server/src/cli.ts')
  const words = ['--disable-warning=ExperimentalWarning', cli, 'create-admin', '--email', email]
  const command = spawn(process.execPath, words, { env: { PATH: process.env['PATH'], ...env }, stdio: 'ignore' })
  const [code] = (await once(command, 'exit')) as [number]
  if (code !== 0) throw new Error(`create-admin ended with ${code}`)
}

/**
 * better-auth, see `peers/better-auth.mjs`. For `me` it reads its session from the cookie it caches it in, as its guide to performance
 * has it; for `verify` from its database, which alone knows whether the session lives; for a refresh it extends the session.
 * Throws where it is not installed.
 */
export async function betterAuth({ name, settings, helpers = [], run }: Place): Promise<Contender> {
  const start = (more = {}): Promise<Child> =>
    startChild('peers/better-auth.mjs', { NODE_ENV: 'production', ...settings, ...more })
  const child = await start()
  const extending = await start({ UPDATE_AGE: '0' })
  const lines = `Origin: http://127.0.0.1:${child.port}\r\n`
  const everyone = Array.from({ length: CONNECTIONS + 1 }, (_, index) => ({ ...credentialsOf(index), name: 'Sara' }))
  await Promise.all(everyone.map((each) => sendJson(child.port, '/api/auth/sign-up/email', each)))
  await run?.(`update "user" set role = 'admin' where email = '${addressOf(0)}'`)
  const cookies = await cookiesOf(child.port, 0)
  const theirs = await Promise.all(Array.from({ length: CONNECTIONS }, (_, index) => cookiesOf(child.port, index + 1)))
  const past = '/api/auth/get-session?disableCookieCache=true'
  return {
    name,
    does: {
      me: { child, next: () => getWith('/api/auth/get-session', cookies) },
      verify: { child, next: () => getWith(past, cookies) },
      refresh: { child: extending, next: (connection) => getWith(past, theirs[connection]!) },
      list: { child, next: () => getWith('/api/auth/admin/list-users?limit=10', cookies) },
      'sign-in': {
        child,
        next: (connection) => post('/api/auth/sign-in/email', credentialsOf((connection % CONNECTIONS) + 1), lines),
      },
    },
    child,
    helpers,
    restart: start,
    stop: async () => void (await Promise.all([child.stop(), extending.stop()])),
  }
}

const credentialsOf = (index: number) => ({ email: addressOf(index), password: PASSWORD })

async function cookiesOf(port: number, index: number): Promise<string> {
  const response = await sendJson(port, '/api/auth/sign-in/email', credentialsOf(index))
  const pairs = response.headers.getSetCookie().map((cookie) => cookie.split(';')[0])
  return `Cookie: ${pairs.join('; ')}\r\n`
}
