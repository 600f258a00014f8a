import type { Socket } from 'node:net'
import { simpleParser } from 'mailparser'
import type { ParsedMail } from 'mailparser'
import { SMTPServer } from 'smtp-server'
import type { SMTPServerAuthentication, SMTPServerDataStream, SMTPServerSession } from 'smtp-server'
import { selfSignedCertificate } from './certificate.ts'
import { createPlan } from './faults.ts'
import { loopback } from './loopback.ts'
import type { Loopback } from './loopback.ts'

/**
 * How to treat one recipient. A number is the reply to RCPT TO, `{ data }` the one after the final dot. `hang` never
 * answers RCPT TO, `reset` cuts the connection there. `lost` takes the mail and cuts the connection without an answer to
 * the final dot; `silent` takes it and never answers.
 */
export type SmtpReaction = number | { readonly data: number } | 'hang' | 'reset' | 'lost' | 'silent'

export interface SmtpOptions {
  /** Default `starttls`. `none` offers no TLS at all. */
  readonly security?: 'starttls' | 'tls' | 'none'
  /** The one login it takes, and then requires. Without: anybody may send. */
  readonly login?: { readonly user: string; readonly password: string }
  /** What it says to a new connection: its greeting (default), nothing at all, or 421. */
  readonly greeting?: 'silent' | 'busy'
}

export interface SmtpLookalike extends Loopback {
  /** PEM; self-signed, so that a client refuses it unless told to trust it. */
  readonly certificate: string
  /** What it took, in the order of arrival, second copies too. */
  readonly messages: readonly ReceivedMail[]
  /** How many connections it has had. */
  readonly connections: number
  /** The next `times` recipients are treated so, whoever they are. */
  plan(reaction: SmtpReaction, times?: number): void
}

export interface ReceivedMail extends ParsedMail {
  readonly recipients: readonly string[]
  /** As it came over the wire. */
  readonly source: string
  /** Whether TLS was on when it came. */
  readonly secure: boolean
  /** Whether the sender needed SMTPUTF8 (RFC 6531), which far from every server has. */
  readonly smtpUtf8: boolean
}

/**
 * A real SMTP server on loopback. Recipients that always meet the same fate, at any domain: `fail-550@`, `quota-452@` and
 * any `word-CODE@` (that reply to RCPT TO), `greylist-451@` (the first time only, as greylisting does), `data-554@` (that
 * reply after the final dot), `hang@`, `reset@`, `lost@`, `silent@`.
 */
export async function startSmtp({ security = 'starttls', login, greeting }: SmtpOptions = {}): Promise<SmtpLookalike> {
  const { key, cert } = selfSignedCertificate()
  const messages: ReceivedMail[] = []
  const plan = createPlan<SmtpReaction>()
  const sockets = new Map<number | undefined, Socket>()
  const fates = new Map<string, SmtpReaction | undefined>() // of each session's mail
  const seen = new Set<string>()
  let connections = 0

  const server = new SMTPServer({
    key,
    cert,
    secure: security === 'tls',
    authOptional: login === undefined,
    disabledCommands: [...(security === 'starttls' ? [] : ['STARTTLS']), ...(login === undefined ? ['AUTH'] : [])],
    allowInsecureAuth: security === 'none',
    hideENHANCEDSTATUSCODES: true, // ours stand in the texts below
    disableReverseLookup: true,
    closeTimeout: 1,
    onConnect(_session, next) {
      if (greeting === 'silent') return
      next(greeting === 'busy' ? reply(421, '4.3.2 try again later') : null)
    },
    onAuth: (attempt, _session, next) => checkLogin(attempt, login, next),
    onRcptTo({ address }, session, next) {
      const fate = plan.next() ?? magicFate(address, seen)
      if (fate === 'hang') return
      if (fate === 'reset') return sockets.get(session.remotePort)?.resetAndDestroy()
      if (typeof fate === 'number') return next(reply(fate, recipientText(fate, address)))
      fates.set(session.id, fate)
      next()
    },
    onData(stream, session, next) {
      const fate = fates.get(session.id)
      parse(stream, session).then((mail) => {
        if (typeof fate === 'object') return next(reply(fate.data, '5.7.1 message content rejected'))
        messages.push(mail)
        if (fate === 'lost') sockets.get(session.remotePort)?.resetAndDestroy()
        else if (fate !== 'silent') next(null, '2.0.0 OK queued')
      }, next)
    },
  })
  server.on('error', () => {}) // a connection cut on purpose is reported here, and is no fault
  server.server.on('connection', (socket: Socket) => {
    connections += 1
    sockets.set(socket.remotePort, socket)
  })
  const port = await listen(server)
  const close = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(resolve))
    for (const socket of sockets.values()) socket.destroy()
    await closed
  }
  return {
    ...loopback(port, close),
    certificate: cert,
    messages,
    get connections() {
      return connections
    },
    plan: plan.plan,
  }
}

const listen = (server: SMTPServer): Promise<number> =>
  new Promise((resolve) => {
    const listener = server.listen(0, '127.0.0.1', () => {
      const address = listener.address()
      resolve(typeof address === 'object' && address ? address.port : 0)
    })
  })

const reply = (responseCode: number, text: string): Error => Object.assign(new Error(text), { responseCode })

type LoginAnswer = (error: Error | null, response?: { user: string }) => void

function checkLogin(attempt: SMTPServerAuthentication, login: SmtpOptions['login'], next: LoginAnswer): void {
  const { username = '', password } = attempt
  if (username.startsWith('too-many')) return next(reply(454, '4.7.0 Too many login attempts, please try again later.'))
  if (username === login?.user && password === login.password) return next(null, { user: username })
  next(reply(535, GMAIL_BAD_CREDENTIALS))
}

const GMAIL_BAD_CREDENTIALS =
  '5.7.8 Username and Password not accepted. For more information, go to ' +
  'https://support.google.com/mail/?p=BadCredentials 5b1f17b1804b1-4f0a - gsmtp'

const ALWAYS: Readonly<Record<string, SmtpReaction>> = { hang: 'hang', reset: 'reset', lost: 'lost', silent: 'silent' }

function magicFate(address: string, seen: Set<string>): SmtpReaction | undefined {
  const local = address.split('@')[0]!
  const [, word, code] = /^([a-z]+)-(\d{3})$/.exec(local) ?? []
  if (word === undefined) return ALWAYS[local]
  if (word === 'data') return { data: Number(code) }
  if (word === 'greylist' && seen.has(address)) return undefined
  seen.add(address)
  return Number(code)
}

/** As the usual servers put it: the address is echoed, which a log of ours must not repeat. */
function recipientText(code: number, address: string): string {
  if (code === 550) return `5.1.1 <${address}>: Recipient address rejected: User unknown`
  if (code === 451) return `4.7.1 <${address}>: Recipient address rejected: Greylisted, try again later`
  if (code === 452) return `4.2.2 <${address}>: The recipient's inbox is out of storage space`
  return `${String(code)[0]}.0.0 <${address}>: Recipient address rejected`
}

async function parse(stream: SMTPServerDataStream, session: SMTPServerSession): Promise<ReceivedMail> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) chunks.push(chunk as Uint8Array)
  const source = Buffer.concat(chunks)
  const recipients = session.envelope.rcptTo.map(({ address }) => address)
  const smtpUtf8 = session.envelope.smtpUtf8 === true
  return { ...(await simpleParser(source)), recipients, source: source.toString(), secure: session.secure, smtpUtf8 }
}
