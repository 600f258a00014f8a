import { createTransport } from 'nodemailer'
import type {
  NodemailerError,
  SendMailOptions,
  SMTPPoolOptions,
  SMTPPoolSentMessageInfo,
  Transporter,
} from 'nodemailer'
import type { Clock } from '../../kernel/clock.ts'
import { seconds } from '../../kernel/duration.ts'
import type { Duration } from '../../kernel/duration.ts'
import type { Mail, MailGateway } from './port.ts'
import { smtpFailure } from './smtp-failure.ts'
import type { Failure, Hidden } from './smtp-failure.ts'

export interface SmtpSettings {
  readonly host: string
  readonly port: number
  readonly user: string | undefined
  readonly password: string | undefined
  /** `starttls` (required, never optional), `tls` from the first byte, or `none`. */
  readonly security: 'starttls' | 'tls' | 'none'
  /** An address, or a name and an address in angle brackets. */
  readonly from: string
}

export interface SmtpGateway extends MailGateway {
  /** Connects, secures and logs in as for a mail, and sends none. Never throws. */
  verify(): Promise<SmtpCheck>
}

export type SmtpCheck = { readonly kind: 'ready' } | { readonly kind: 'failed'; readonly reason: string }

export interface SmtpTimeouts {
  /** From the look-up of the name to the end of STARTTLS. */
  readonly connection: Duration
  /** From the connection to the server's first line. */
  readonly greeting: Duration
  /** Of silence at any later moment, the answer to the final dot included. */
  readonly silence: Duration
  /** A mail from first to last, waiting for a free connection included. */
  readonly whole: Duration
}

// RFC 5321 §4.5.3.2 allows minutes each, for relays that must not give up on a mail. A code lives two minutes: what takes
// longer than this is better tried again, on a new connection.
const TIMEOUTS: SmtpTimeouts = {
  connection: seconds(10), // three SYN retransmissions (1, 2 and 4 s) still get through
  greeting: seconds(10), // servers that make spammers wait for the greeting do so for 5 or 6 s
  silence: seconds(20), // content filters answer the final dot after some seconds
  whole: seconds(45), // no single silence, yet a server that trickles: none of the above would notice
}

/**
 * Sends by SMTP over pooled connections; where TLS is chosen it is 1.2 or newer, and the certificate is always checked.
 *
 * A mail lost after its final dot may have been accepted: it is `maybe_taken`. Every copy of it has the same Message-ID, by
 * which mail programs know them for one.
 */
export function createSmtpGateway(
  settings: SmtpSettings,
  { clock, timeouts = TIMEOUTS }: { readonly clock: Clock; readonly timeouts?: SmtpTimeouts },
): SmtpGateway {
  const transport = openTransport(settings, timeouts)
  const handedOver = watchFinalDots(transport)

  return {
    name: 'smtp',
    async send(mail) {
      if (!SINGLE_ADDRESS.test(mail.to)) return { kind: 'recipient_refused', reason: 'smtp: not an address to send to' }
      const message = compose(mail, settings.from, clock.now())
      try {
        const receipt = await transport.sendMail({ ...message, signal: AbortSignal.timeout(timeouts.whole) })
        return { kind: 'sent', gatewayId: receipt.serverMessageId ?? message.messageId }
      } catch (error) {
        const failure = smtpFailure(error as NodemailerError, hiddenWords(settings, mail))
        const mayBeTaken = handedOver.has(message.messageId) && (error as NodemailerError).responseCode === undefined
        return mayBeTaken ? lostAfterFinalDot(failure) : failure
      } finally {
        handedOver.delete(message.messageId)
      }
    },
    async verify() {
      try {
        await transport.verify()
        return { kind: 'ready' }
      } catch (error) {
        return { kind: 'failed', reason: smtpFailure(error as NodemailerError, hiddenWords(settings)).reason }
      }
    },
    close: async () => transport.close(),
  }
}

type PooledTransport = Transporter<SMTPPoolSentMessageInfo, SMTPPoolOptions>

function openTransport(settings: SmtpSettings, timeouts: SmtpTimeouts): PooledTransport {
  const { user, password: pass = '' } = settings
  return createTransport({
    pool: true,
    host: settings.host,
    port: settings.port,
    secure: settings.security === 'tls',
    requireTLS: settings.security === 'starttls',
    ignoreTLS: settings.security === 'none',
    tls: { minVersion: 'TLSv1.2' },
    ...(user === undefined ? {} : { auth: { user, pass } }),
    connectionTimeout: timeouts.connection,
    dnsTimeout: timeouts.connection,
    greetingTimeout: timeouts.greeting,
    socketTimeout: timeouts.silence,
    // Once more, for a pooled connection that the server closed between two mails. Further tries are the outbox's matter.
    maxRequeues: 1,
    // What the other side does after our goodbye is not worth a slow shutdown.
    socketCloseTimeout: seconds(1),
    // A reply is a line or two; what grows beyond this is no SMTP server.
    maxResponseSize: 64 * 1024,
    disableFileAccess: true,
    disableUrlAccess: true,
  })
}

// Nodemailer reads a string as a list of recipients: nothing that could make it one, or end a header, goes through.
const SINGLE_ADDRESS = /^[^\s\p{Cc}<>()[\]\\,;:"@]+@[^\s\p{Cc}<>()[\]\\,;:"@]+$/u

function compose(mail: Mail, from: string, now: Date): SendMailOptions & { readonly messageId: string } {
  const domain = /@([^\s<>@]+)>?\s*$/.exec(from)?.[1] ?? 'localhost'
  return {
    from,
    to: { name: '', address: mail.to },
    subject: mail.subject,
    text: mail.text,
    html: mail.html,
    date: now,
    messageId: `<${mail.id}@${domain}>`,
    xMailer: false,
    headers: {
      'Auto-Submitted': 'auto-generated', // RFC 3834 §5: no vacation notice answers it
      'X-Entity-Ref-ID': mail.id, // Gmail would fold all our codes into one conversation, the newest out of sight
    },
  }
}

/** The Message-IDs of mails whose last byte was handed over: from then on the server may have taken them. */
function watchFinalDots(transport: PooledTransport): Set<string> {
  const handedOver = new Set<string>()
  transport.use('stream', (mail, done) => {
    const { messageId } = mail.data
    mail.message.processFunc((bytes) => bytes.once('end', () => messageId && handedOver.add(messageId)))
    done()
  })
  return handedOver
}

const lostAfterFinalDot = ({ reason }: Failure): Failure => ({
  kind: 'maybe_taken',
  reason: `${reason}, after the mail was handed over`,
})

function hiddenWords(settings: SmtpSettings, mail?: Mail): Hidden {
  return [settings.user, settings.password, mail?.code, mail?.to.split('@')[0]]
}
