import type { IncomingMessage, ServerResponse } from 'node:http'
import { systemClock } from '../../src/kernel/clock.ts'
import type { Clock } from '../../src/kernel/clock.ts'
import { systemRandom } from '../../src/kernel/random.ts'
import { answerWithFault, createPlan } from './faults.ts'
import type { HttpFault } from './faults.ts'
import { openAccount } from './kavenegar-account.ts'
import type { KavenegarAccount, Result } from './kavenegar-account.ts'
import { STATUS_TEXTS } from './kavenegar-statuses.ts'
import { listenHttp } from './loopback.ts'
import type { Loopback } from './loopback.ts'

/**
 * How to answer one call: with a failing `return.status`; with an HTTP fault, the message not taken; or the message taken
 * and then the connection cut (`lost`), nothing answered (`silent`) or no entries given (`no_entries`).
 */
export type KavenegarReaction = number | HttpFault | 'lost' | 'silent' | 'no_entries'

export interface KavenegarOptions {
  readonly clock?: Clock
  /** In rials; each message costs 120. */
  readonly credit?: number
  readonly templates?: Readonly<Record<string, string>>
  /** Whether the HTTP status repeats `return.status`, or is 200 whatever happens. Without it: not with `MIRROR=0`. */
  readonly mirror?: boolean
  /** Where to report each message as delivered, as the panel's webhook setting does. */
  readonly callbackUrl?: string
}

export interface KavenegarLookalike extends Loopback {
  /** The one API key it knows; any other gets 403. */
  readonly key: string
  readonly sent: KavenegarAccount['sent']
  credit(): number
  plan(reaction: KavenegarReaction, times?: number): void
}

/** Numbers that fail in one way always: `09000000` and a `return.status`, or one of these. */
const MAGIC: Readonly<Record<string, KavenegarReaction>> = {
  '09000000500': 'html_500',
  '09000000504': 'hang',
  '09000000590': 'silent',
  '09000000591': 'lost',
  '09000000592': 'html',
  '09000000593': 'redirect',
  '09000000594': 'hang_in_body',
  '09000000595': 'huge',
  '09000000596': 'no_entries',
  '09000000597': 'bad_json',
  '09000000598': 'cut_in_body',
  '09000000599': 'reset',
}

/**
 * Kavenegar's REST v1 on loopback: the methods we call, its parameter checks, its statuses with their texts, a credit that
 * runs out, `localid` recognised. `GET /__sent` shows what it took, to tests in other processes.
 */
export async function startKavenegar({
  clock = systemClock,
  credit = 1_000_000,
  templates = { verify: 'Your code: %token' },
  mirror = process.env['MIRROR'] !== '0',
  callbackUrl,
}: KavenegarOptions = {}): Promise<KavenegarLookalike> {
  const key = Buffer.from(systemRandom.bytes(32)).toString('hex')
  const account = openAccount({ clock, credit, templates })
  const plan = createPlan<KavenegarReaction>()

  const server = await listenHttp(async (request, body, response) => {
    const url = new URL(request.url!, 'http://localhost')
    if (url.pathname === '/__sent') return void response.end(JSON.stringify(account.sent))
    const [, givenKey, method] = /^\/v1\/([^/]+)\/(\w+\/\w+)\.json\/?$/.exec(url.pathname) ?? []
    const parameters = request.method === 'GET' ? url.searchParams : formOf(request, body)
    const reaction = plan.next() ?? magicReaction(parameters)
    if (method === undefined) return answer(response, { status: 404 }, mirror)
    if (givenKey !== key) return answer(response, { status: 403 }, mirror)
    if (request.method !== 'GET' && request.method !== 'POST') return answer(response, { status: 405 }, mirror)
    if (typeof reaction === 'number') return answer(response, { status: reaction }, mirror)
    if (reaction !== undefined && !isAfterTaking(reaction)) return answerWithFault(reaction, request, response)
    const result = account.call(method, parameters)
    if (reaction === 'lost') return void request.socket.resetAndDestroy()
    if (reaction === 'silent') return
    answer(response, reaction === 'no_entries' ? { entries: undefined } : result, mirror)
    if (callbackUrl !== undefined && 'entries' in result) await reportDelivery(callbackUrl, account)
  })
  return { ...server, key, sent: account.sent, credit: account.credit, plan: plan.plan }
}

const isAfterTaking = (reaction: string): reaction is 'lost' | 'silent' | 'no_entries' =>
  ['lost', 'silent', 'no_entries'].includes(reaction)

/** A body that is no form has no parameters, as with the real one. */
function formOf(request: IncomingMessage, body: string): URLSearchParams {
  const isForm = request.headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true
  return new URLSearchParams(isForm ? body : '')
}

function magicReaction(parameters: URLSearchParams): KavenegarReaction | undefined {
  const receptor = parameters.get('receptor') ?? ''
  const status = Number(/^09000000(\d{3})$/.exec(receptor)?.[1])
  return MAGIC[receptor] ?? (status !== 200 && status in STATUS_TEXTS ? status : undefined)
}

function answer(response: ServerResponse, result: Result, mirror: boolean): void {
  const status = 'status' in result ? result.status : 200
  const message = STATUS_TEXTS[status] ?? ''
  const entries = 'entries' in result ? result.entries : null
  const headers = { 'content-type': 'application/json; charset=utf-8' }
  response.writeHead(mirror ? status : 200, headers).end(JSON.stringify({ return: { status, message }, entries }))
}

async function reportDelivery(callbackUrl: string, account: KavenegarAccount): Promise<void> {
  const messageid = String(account.sent.at(-1)!.messageid)
  await fetch(callbackUrl, { method: 'POST', body: new URLSearchParams({ messageid, status: '10' }) })
}
