import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyBaseLogger, FastifyRequest } from 'fastify'
import type { Language } from '../kernel/language.ts'
import { Refusal, REFUSALS, type RefusalCode } from '../kernel/refusal.ts'
import { translate } from '../kernel/texts.ts'

/** `uri-host [":" port]` (RFC 9110 §7.2): a name, an IPv4 address, or an IPv6 one in brackets. */
const HOST = /^(?:\[[0-9a-f:.]+\]|(?:[\w.~!$&'()*+,;=-]|%[0-9a-f]{2})+)(?::\d*)?$/i

/**
 * Refuses a request whose target two readers could understand differently (RFC 9112 §3.2): no, several or malformed
 * `Host`s, an absolute-form target, whose authority a proxy may have believed in place of `Host`, a version that is none.
 */
export function refuseAmbiguousTarget({ raw }: FastifyRequest): void {
  const hosts = raw.rawHeaders.filter((header, index) => index % 2 === 0 && header.toLowerCase() === 'host')
  const { host } = raw.headers
  if (raw.httpVersion !== '1.1' && raw.httpVersion !== '1.0') throw new Refusal('bad_request', 'not HTTP/1')
  if (hosts.length > 1) throw new Refusal('bad_request', 'more than one Host')
  if (host === undefined ? raw.httpVersion === '1.1' : !HOST.test(host))
    throw new Refusal('bad_request', 'no good Host')
  if (!raw.url?.startsWith('/')) throw new Refusal('bad_request', 'the target is no path')
}

/** An `Expect` other than `100-continue` is no reason to refuse (RFC 9110 §10.1.1 leaves it open); Node's own 417 is bare. */
export function ignoreUnknownExpectations(server: Server): void {
  server.on('checkExpectation', (request, response) => server.emit('request', request, response))
}

const REASONS: Readonly<Record<string, RefusalCode>> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'request_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
}

const STATUS_TEXTS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  413: 'Content Too Large',
  431: 'Request Header Fields Too Large',
}

export interface BrokenRequestOptions {
  readonly logger: FastifyBaseLogger
  readonly language: Language
  readonly headers: Readonly<Record<string, string>>
  readonly newRequestId: () => string
  /** What the problem's `type` begins with; there is no `Host` to ask. */
  readonly baseUrl: () => string
  readonly onRefusal?: ((code: RefusalCode, reason: string) => void) | undefined
}

/** Answers what never became a request: bytes that are no HTTP, headers past the limit, a client that takes forever. */
export function brokenRequestAnswerer(options: BrokenRequestOptions) {
  return (error: Error & { code?: string }, socket: Socket): void => {
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy()
      return
    }
    const code = REASONS[error.code ?? ''] ?? 'bad_request'
    const requestId = options.newRequestId()
    options.onRefusal?.(code, error.code ?? 'broken')
    options.logger.info({ request_id: requestId, code, reason: error.code }, 'refused')
    socket.end(answer(options, code, requestId), () => socket.destroy())
  }
}

function answer({ language, headers, baseUrl }: BrokenRequestOptions, code: RefusalCode, requestId: string): string {
  const status = REFUSALS[code]
  const body = JSON.stringify({
    type: `${baseUrl()}/errors/${code}/`,
    title: translate(language, `refusal.${code}.title`),
    detail: translate(language, `refusal.${code}.detail`),
    code,
    request_id: requestId,
  })
  const fields = Object.entries({
    ...headers,
    'x-request-id': requestId,
    'content-language': language,
    'content-type': 'application/problem+json',
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  })
  const head = [`HTTP/1.1 ${status} ${STATUS_TEXTS[status]}`, ...fields.map(([name, value]) => `${name}: ${value}`)]
  return `${head.join('\r\n')}\r\n\r\n${body}`
}
