import { once } from 'node:events'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { Duration } from '../../kernel/duration.ts'
import { errorCode, isTlsCode } from '../../kernel/network-fault.ts'

/** What came of one POST. `reason` never holds the URL, which may carry a key. */
export type Answer =
  | {
      readonly kind: 'answered'
      readonly status: number
      readonly retryAfter: string | undefined
      readonly body: string
    }
  /** No connection came about: the request never left. */
  | { readonly kind: 'not_sent'; readonly reason: string }
  /** The certificate or TLS of the other side was refused. */
  | { readonly kind: 'untrusted'; readonly reason: string }
  /** It may have arrived: the connection broke, or nothing came in time. */
  | { readonly kind: 'no_answer'; readonly reason: string }

// Imported, it would load all of `fetch` with it, twenty milliseconds of every start.
const { request: requestHttp } = process.getBuiltinModule('node:http')

// A gateway's answer about one message is under 1 KiB; what is longer is none, and must not fill our memory.
const MAX_BODY_BYTES = 64 * 1024

/**
 * One POST and its answer, both within `timeout`. Never throws, never follows a redirect (it would carry the message, and
 * in a URL the key, to another host). A body beyond 64 KiB is cut there.
 *
 * Not `fetch`: by its standard an HTTP 407, which is one of Kavenegar's statuses, is a nameless network error, and it does
 * not tell whether a request that failed had left.
 */
export async function post(
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string,
  timeout: Duration,
): Promise<Answer> {
  const secure = url.startsWith('https:')
  let connected = false
  try {
    const request = (secure ? requestHttps : requestHttp)(url, {
      method: 'POST',
      headers: { ...headers, 'content-length': Buffer.byteLength(body) },
      // A kept-alive connection that the gateway closes as we write looks like a lost answer, and that is not repeated.
      agent: false,
      signal: AbortSignal.timeout(timeout),
    })
    request.once('socket', (socket) => {
      socket.once(secure ? 'secureConnect' : 'connect', () => {
        connected = true
      })
    })
    const response = await answerTo(request, body)
    const retryAfter = response.headers['retry-after']
    return { kind: 'answered', status: response.statusCode!, retryAfter, body: await readBounded(response) }
  } catch (error) {
    return faultOf(error, connected)
  }
}

async function answerTo(request: ClientRequest, body: string): Promise<IncomingMessage> {
  // Those that come while the body is read reach its reader too; without a listener they would end the process.
  request.on('error', () => {})
  request.end(body)
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  return response
}

async function readBounded(response: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response) {
    chunks.push(chunk)
    size += chunk.length
    if (size > MAX_BODY_BYTES) break // leaving the loop closes the connection
  }
  return Buffer.concat(chunks).toString('utf8', 0, MAX_BODY_BYTES)
}

function faultOf(error: unknown, connected: boolean): Answer {
  const code = errorCode(error)
  const named = code === 'ABORT_ERR' ? 'timed out' : code
  if (isTlsCode(code)) return { kind: 'untrusted', reason: `its TLS certificate was refused (${named})` }
  if (!connected) return { kind: 'not_sent', reason: `unavailable, no connection (${named})` }
  return { kind: 'no_answer', reason: `no answer (${named})` }
}
