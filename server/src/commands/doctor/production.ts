import { Agent, get } from 'node:https'
import { get as getPlain } from 'node:http'
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Config, Reading, SmsSettings } from '../../config.ts'
import { sentenceOf } from '../../config/problem.ts'
import { days } from '../../kernel/duration.ts'
import type { Clock } from '../../kernel/clock.ts'
import { fault, type Finding, ok, warning } from './finding.ts'

const TOPIC = 'production'

/** What the settings leave open to harm, beyond what a start in production refuses. */
export function inspectSettings({ config, missingForProduction }: Reading): Finding[] {
  const { production, server, secretKey } = config
  return [
    ...(production ? [] : [warning(TOPIC, 'NODE_ENV is not production here: is it where the server runs?')]),
    ...missingForProduction.map((problem) => fault(TOPIC, sentenceOf(problem))),
    secretFinding(secretKey),
    ...(server.trustedProxies.length === 0 && server.publicUrl?.startsWith('https:')
      ? [warning('proxies', 'PUBLIC_URL is https and no proxy is trusted: behind one, all clients count as one')]
      : []),
    ...(['debug', 'trace'].includes(server.logLevel)
      ? [warning('logs', `LOG_LEVEL is ${server.logLevel}: much is written, and info is enough`)]
      : []),
    ...(server.metricsToken === undefined
      ? [ok('metrics', 'METRICS_TOKEN is not set: /metrics answers 404')]
      : [ok('metrics', 'are given to whoever has METRICS_TOKEN')]),
  ]
}

// 32 random bytes in hexadecimal have 14 and more but for one time in millions.
const FEWEST_CHARACTERS = 10

function secretFinding(secretKey: string | undefined): Finding {
  if (secretKey === undefined)
    return warning(
      'secret',
      'lies beside the database: whoever copies the data folder has both. Move it to SECRET_KEY by `keys rekey`',
    )
  return new Set(secretKey).size < FEWEST_CHARACTERS
    ? fault('secret', 'SECRET_KEY is no random one: take the output of `openssl rand -base64 48`, by `keys rekey`')
    : ok('secret', `SECRET_KEY has ${Buffer.byteLength(secretKey)} bytes`)
}

const ANSWER_WITHIN_MILLISECONDS = 5000
const CERTIFICATE_ENDS_SOON = days(14)

/** Whether this machine reaches the server where the world does, and for how long its certificate is good. */
export async function inspectPublicUrl({ server }: Config, clock: Clock): Promise<Finding[]> {
  if (server.publicUrl === undefined) return []
  const place = `${server.publicUrl}/healthz`
  try {
    const { status, certificateEnds } = await ask(place)
    const answer =
      status === 200
        ? ok('public URL', `${place} answers`)
        : warning('public URL', `${place} answers ${status}: does the server run, and does the proxy lead to it?`)
    return [answer, ...(certificateEnds ? [certificateFinding(certificateEnds, clock.now())] : [])]
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException
    const why = `${place} is not reached from here: ${code || message}`
    return [/CERT|SELF_SIGNED|UNABLE_TO/.test(code) ? fault('public URL', why) : warning('public URL', why)]
  }
}

function certificateFinding(ends: Date, now: Date): Finding {
  const text = `its certificate is good until ${ends.toISOString().slice(0, 10)}`
  return ends.getTime() - now.getTime() < CERTIFICATE_ENDS_SOON
    ? warning('public URL', `${text}: does it renew itself?`)
    : ok('public URL', text)
}

interface Answer {
  readonly status: number
  readonly certificateEnds: Date | undefined
}

/** By `node:https`, which tells the certificate; a redirect is an answer like any other. */
function ask(url: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { timeout: ANSWER_WITHIN_MILLISECONDS }
    const request = url.startsWith('https:')
      ? get(url, { ...options, agent: new Agent({ keepAlive: false }) })
      : getPlain(url, options)
    request.on('response', (response) => {
      const { socket, statusCode = 0 } = response
      const validTo =
        'getPeerCertificate' in socket
          ? (socket as ReturnType<typeof connectTls>).getPeerCertificate().valid_to
          : undefined
      resolve({ status: statusCode, certificateEnds: validTo === undefined ? undefined : new Date(validTo) })
      response.destroy()
    })
    request.on('timeout', () => request.destroy(new Error('no answer within five seconds')))
    request.on('error', reject)
  })
}

/** A webhook cannot be asked without sending: only whether somebody takes connections there. */
export async function inspectWebhooks(sms: readonly SmsSettings[]): Promise<Finding[]> {
  const urls = sms.flatMap((one) => (one.kind === 'webhook' ? [new URL(one.url)] : []))
  return Promise.all(urls.map(webhookFinding))
}

async function webhookFinding(url: URL): Promise<Finding> {
  try {
    await reach(url)
    return ok('text messages', `${url.host} takes connections; nothing was sent`)
  } catch (error) {
    return fault('text messages', `${url.host} is not reached: ${(error as Error).message}`)
  }
}

function reach({ protocol, hostname, port }: URL): Promise<void> {
  return new Promise((resolve, reject) => {
    const host = hostname.replace(/^\[(.*)\]$/, '$1')
    const socket =
      protocol === 'https:'
        ? connectTls({ host, port: Number(port || 443), servername: host }, done)
        : connect({ host, port: Number(port || 80) }, done)
    function done(): void {
      socket.destroy()
      resolve()
    }
    socket.setTimeout(ANSWER_WITHIN_MILLISECONDS, () => socket.destroy(new Error('no answer within five seconds')))
    socket.on('error', reject)
  })
}
