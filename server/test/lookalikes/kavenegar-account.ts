import type { Clock } from '../../src/kernel/clock.ts'
import { after, seconds, toEpochSeconds } from '../../src/kernel/duration.ts'

/** What a call came to: entries of a success, or the failing `return.status`. */
export type Result = { readonly entries: unknown } | { readonly status: number }

/** A message the look-alike took, as its `/__sent` shows it. */
export interface SentSms {
  readonly messageid: number
  readonly receptor: string
  readonly message: string
  readonly sender: string
  readonly localid: string | undefined
  readonly template: string | undefined
  readonly token: string | undefined
  readonly sentAt: Date
}

/** One customer's account: what it sent, what credit is left, and the rules its parameters must follow. */
export interface KavenegarAccount {
  readonly sent: readonly SentSms[]
  credit(): number
  call(method: string, parameters: URLSearchParams): Result
}

export interface AccountOptions {
  readonly clock: Clock
  /** In rials. */
  readonly credit: number
  /** The approved templates, by name. */
  readonly templates: Readonly<Record<string, string>>
}

const COST_RIALS = 120
const DEFAULT_SENDER = '10004346'
const MAX_RECEPTORS = 200
const MAX_MESSAGE_LENGTH = 900
const MAX_TOKEN_LENGTH = 100
const IRANIAN_MOBILE = /^(?:\+98|0098|98|0)?9\d{9}$/
const FIRST_MESSAGE_ID = 8_792_343

export function openAccount({ clock, credit, templates }: AccountOptions): KavenegarAccount {
  const sent: SentSms[] = []
  let spent = 0

  function take(receptors: readonly string[], rest: Omit<SentSms, 'messageid' | 'receptor' | 'sentAt'>): Result {
    const earlier = sent.filter((sms) => rest.localid !== undefined && sms.localid === rest.localid)
    if (earlier.length > 0) return { entries: earlier.map((sms) => entry(sms, clock.now())) }
    if (credit - spent < COST_RIALS * receptors.length) return { status: 418 }
    spent += COST_RIALS * receptors.length
    const taken = receptors.map((receptor, index): SentSms => {
      const messageid = FIRST_MESSAGE_ID + sent.length + index
      return { ...rest, messageid, receptor, sentAt: clock.now() }
    })
    sent.push(...taken)
    return { entries: taken.map((sms) => entry(sms, clock.now())) }
  }

  function send(parameters: URLSearchParams): Result {
    const receptors = (parameters.get('receptor') ?? '').split(',')
    const message = parameters.get('message') ?? ''
    const sender = parameters.get('sender') ?? DEFAULT_SENDER
    const localid = parameters.get('localid') ?? undefined
    const status = missing(parameters, ['receptor']) ?? faultOfSend(parameters, receptors, clock.now())
    if (status !== undefined) return { status }
    return take(receptors, { message, sender, localid, template: undefined, token: undefined })
  }

  function lookup(parameters: URLSearchParams): Result {
    const required = missing(parameters, ['receptor', 'template', 'token'])
    if (required !== undefined) return { status: required }
    const [receptor, template, token] = ['receptor', 'template', 'token'].map((name) => parameters.get(name)!)
    const text = templates[template!]
    const status = faultOfLookup(parameters, receptor!, text)
    if (status !== undefined) return { status }
    const message = text!.replace(/%(token\d*)/g, (_, name: string) => parameters.get(name) ?? '')
    return take([receptor!], { message, sender: DEFAULT_SENDER, localid: undefined, template, token })
  }

  function statuses(name: 'messageid' | 'localid', parameters: URLSearchParams): Result {
    const required = missing(parameters, [name])
    if (required !== undefined) return { status: required }
    const asked = parameters.get(name)!.split(',')
    if (asked.length > 500) return { status: 414 }
    const found = (id: string): SentSms | undefined => sent.find((sms) => String(sms[name]) === id)
    return { entries: asked.map((id) => ({ [name]: Number(id), ...delivery(found(id), clock.now()) })) }
  }

  return {
    sent,
    credit: () => credit - spent,
    call(method, parameters) {
      if (method === 'sms/send') return send(parameters)
      if (method === 'verify/lookup') return lookup(parameters)
      if (method === 'sms/status') return statuses('messageid', parameters)
      if (method === 'sms/statuslocalmessageid') return statuses('localid', parameters)
      // What the real one answers to an account without a list of allowed addresses.
      if (/^sms\/(?:select|selectoutbox|latestoutbox)$/.test(method)) return { status: 407 }
      if (method !== 'account/info') return { status: 404 }
      const expiredate = toEpochSeconds(after(clock.now(), seconds(86_400)))
      return { entries: { remaincredit: credit - spent, expiredate, type: 'master' } }
    },
  }
}

/** 400 for a parameter that is not there, 406 for one that is empty. */
function missing(parameters: URLSearchParams, names: readonly string[]): number | undefined {
  if (names.some((name) => !parameters.has(name))) return 400
  return names.some((name) => parameters.get(name) === '') ? 406 : undefined
}

function faultOfSend(parameters: URLSearchParams, receptors: readonly string[], now: Date): number | undefined {
  const message = parameters.get('message') ?? undefined
  const date = parameters.get('date')
  if (message === undefined) return 400
  if (message === '' || message.length > MAX_MESSAGE_LENGTH) return 413
  if (receptors.length > MAX_RECEPTORS) return 414
  if (!receptors.every((receptor) => IRANIAN_MOBILE.test(receptor))) return 411
  if (!/^\+?\d{4,15}$/.test(parameters.get('sender') ?? DEFAULT_SENDER)) return 412
  if (date !== null && Number(date) < toEpochSeconds(now)) return 417
  const localid = parameters.get('localid') ?? '1'
  return /^\d{1,19}$/.test(localid) && BigInt(localid) < 2n ** 63n ? undefined : 400
}

function faultOfLookup(parameters: URLSearchParams, receptor: string, text: string | undefined): number | undefined {
  if (!IRANIAN_MOBILE.test(receptor)) return 411
  if (text === undefined) return 424
  if (!text.includes('%token')) return 432
  if (parameters.get('type') === 'call' && !/^\d+$/.test(parameters.get('token')!)) return 428
  const spacesAllowed = { token: 0, token2: 0, token3: 0, token10: 5, token20: 8 }
  const malformed = Object.entries(spacesAllowed).some(([name, allowed]) => {
    const token = parameters.get(name) ?? ''
    const spaces = token.split(' ').length - 1
    return token.length > MAX_TOKEN_LENGTH || spaces > allowed || /[\r\n\t_-]/.test(token)
  })
  return malformed ? 431 : undefined
}

const entry = (sms: SentSms, now: Date): object => ({
  messageid: sms.messageid,
  message: sms.message,
  ...delivery(sms, now),
  sender: sms.sender,
  receptor: sms.receptor,
  date: toEpochSeconds(sms.sentAt),
  cost: COST_RIALS,
})

/** Queued, after five seconds with the carrier, after thirty delivered; 100 for an id it does not know. */
function delivery(sms: SentSms | undefined, now: Date): { readonly status: number; readonly statustext: string } {
  if (!sms) return { status: 100, statustext: 'شناسه پیامک نامعتبر است' }
  if (now < after(sms.sentAt, seconds(5))) return { status: 1, statustext: 'در صف ارسال قرار دارد' }
  if (now < after(sms.sentAt, seconds(30))) return { status: 5, statustext: 'ارسال به مخابرات' }
  return { status: 10, statustext: 'رسیده به گیرنده' }
}
